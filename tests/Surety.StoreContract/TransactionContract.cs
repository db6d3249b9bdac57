using System.Data.Common;
using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>
/// Messages, settlements and the application's rows in one commit: in a unit of work of the store's own, and in a transaction on a
/// connection of the application's.
/// </summary>
public abstract class TransactionContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_committed_unit_of_work_leaves_its_rows_and_its_messages()
    {
        await using var work = await Store.Database.BeginAsync();
        await EffectAsync(work.Transaction, 1);
        var id = await EnqueueInAsync(work);
        await work.CommitAsync();

        (await EffectsAsync()).ShouldBe(1);
        (await ClaimOneAsync(await JoinAsync())).Claim.Id.ShouldBe(id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_unit_of_work_that_is_rolled_back_or_left_leaves_nothing(bool rollBack)
    {
        MessageId id;
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 1);
            id = await EnqueueInAsync(work);
            if (rollBack) await work.RollbackAsync();
        }

        (await EffectsAsync()).ShouldBe(0);
        (await FindAsync(id)).ShouldBeNull();
        (await ClaimAsync(await JoinAsync())).ShouldBeEmpty();
    }

    [Fact]
    public async Task Nobody_sees_a_message_before_its_commit()
    {
        var other = await Fixture.OpenAsync(Clock);
        await using var work = await Store.Database.BeginAsync();
        var id = await EnqueueInAsync(work);
        (await FindAsync(id)).ShouldBeNull();
        (await other.Reader.FindAsync(id, default)).ShouldBeNull();
        await work.CommitAsync();
        (await other.Reader.FindAsync(id, default)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_caller_that_goes_on_after_a_failed_statement_is_not_told_of_a_commit_that_kept_nothing()
    {
        Exception? refused;
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 1);
            await Should.ThrowAsync<DbException>(async () =>
            {
                await using var command = work.Connection.CreateCommand();
                (command.Transaction, command.CommandText) = (work, "SELECT number FROM nothing_here");
                await command.ExecuteScalarAsync();
            });
            refused = await Record.ExceptionAsync(work.CommitAsync);
        }

        // Whether the rest can still be committed is the database's to say.
        (await EffectsAsync()).ShouldBe(refused is null ? 1 : 0);
        refused?.ShouldBeOfType<StoreException>().ShouldSatisfyAllConditions(
            e => e.Kind.ShouldBe(FailureKind.Mistake), e => e.InDoubt.ShouldBeFalse());
    }

    [Fact]
    public async Task A_caller_that_goes_on_after_a_failed_batch_commits_none_of_it()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            await Should.ThrowAsync<Exception>(
                async () => await Store.Messages.EnqueueAsync([Message(), Message() with { Kind = null! }], work, default));
            // A store may refuse this commit; it may not keep half a batch.
            await Record.ExceptionAsync(work.CommitAsync);
        }

        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_caller_that_goes_on_in_a_transaction_of_his_own_after_a_failed_batch_commits_none_of_it()
    {
        await using (var connection = await Fixture.ConnectAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await Should.ThrowAsync<Exception>(
                async () => await Store.Messages.EnqueueAsync([Message(), Message() with { Kind = null! }], transaction, default));
            await Record.ExceptionAsync(() => transaction.CommitAsync());
        }

        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_unique_key_taken_in_a_rolled_back_unit_of_work_is_free()
    {
        await using (var work = await Store.Database.BeginAsync()) await Store.Messages.EnqueueAsync(
            [Message() with { UniqueKey = "u" }], work, default);
        (await Store.Messages.EnqueueAsync([Message() with { UniqueKey = "u" }], null, default))[0].IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task A_unit_of_work_ends_once()
    {
        await using var work = await Store.Database.BeginAsync();
        await work.CommitAsync();
        await Should.ThrowAsync<InvalidOperationException>(work.CommitAsync);
        await work.RollbackAsync();
    }

    [Fact]
    public async Task A_settlement_commits_with_its_effect()
    {
        var id = await EnqueueAsync();
        var claimed = await ClaimOneAsync(await JoinAsync());
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, id.Value);
            (await SettleAsync(claimed.Done(), work.Transaction)).ShouldBeTrue();
            await work.CommitAsync();
        }

        (await EffectsAsync()).ShouldBe(1);
        (await FindAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task A_settlement_that_is_rolled_back_leaves_the_message_running()
    {
        var id = await EnqueueAsync();
        var claimed = await ClaimOneAsync(await JoinAsync());
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, id.Value);
            (await SettleAsync(claimed.Done(), work.Transaction)).ShouldBeTrue();
        }

        (await EffectsAsync()).ShouldBe(0);
        (await StatusAsync(id)).ShouldBe(MessageStatus.Running);
        (await SettleAsync(claimed.Done())).ShouldBeTrue();
    }

    [Fact]
    public async Task A_cancellation_that_is_rolled_back_cancels_nothing()
    {
        var id = await EnqueueAsync();
        await using (var work = await Store.Database.BeginAsync()) (await Store.Messages.CancelAsync(id, "why", work, default)).ShouldBe(
            CancelAnswer.Cancelled);
        (await StatusAsync(id)).ShouldBe(MessageStatus.Queued);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transaction_of_the_applications_own_decides_over_the_messages_in_it(bool commit)
    {
        await using (var connection = await Fixture.ConnectAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await EffectAsync(transaction, 1);
            await Store.Messages.EnqueueAsync([Message(), Message()], transaction, default);
            (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
            if (commit) await transaction.CommitAsync();
            else await transaction.RollbackAsync();
        }

        (await EffectsAsync()).ShouldBe(commit ? 1 : 0);
        (await ClaimAsync(await JoinAsync())).Count.ShouldBe(commit ? 2 : 0);
    }

    [Fact]
    public async Task A_transaction_that_has_ended_is_refused()
    {
        await using var connection = await Fixture.ConnectAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await transaction.CommitAsync();
        await Should.ThrowAsync<InvalidOperationException>(
            async () => await Store.Messages.EnqueueAsync([Message()], transaction, default));
        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_call_given_up_before_it_began_stores_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(
            async () => await Store.Messages.EnqueueAsync([Message()], null, cancelled.Token));
        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    private async Task<MessageId> EnqueueInAsync(UnitOfWork work) => (await Store.Messages.EnqueueAsync([Message()], work, default))[0].Id;
}
