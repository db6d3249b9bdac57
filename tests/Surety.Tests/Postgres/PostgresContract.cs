using Npgsql;
using Shouldly;
using Surety.Storage;
using Surety.StoreContract;
using Surety.StoreContract.Model;

namespace Surety.Tests.Postgres;

// The suite that every store passes, on PostgreSQL.
public sealed class PostgresEnqueueTests : EnqueueContract<PostgresFixture>;
public sealed class PostgresTransactionTests : TransactionContract<PostgresFixture>;
public sealed class PostgresDueTests : DueContract<PostgresFixture>;
public sealed class PostgresOrderingKeyTests : OrderingKeyContract<PostgresFixture>;
public sealed class PostgresUniqueKeyTests : UniqueKeyContract<PostgresFixture>;
public sealed class PostgresClaimTests : ClaimContract<PostgresFixture>;
public sealed class PostgresSettleTests : SettleContract<PostgresFixture>;
public sealed class PostgresFencingTests : FencingContract<PostgresFixture>;
public sealed class PostgresRescueTests : RescueContract<PostgresFixture>;
public sealed class PostgresNodeTests : NodeContract<PostgresFixture>;
public sealed class PostgresCancelTests : CancelContract<PostgresFixture>;
public sealed class PostgresHistoryTests : HistoryContract<PostgresFixture>;
public sealed class PostgresDeadLetterTests : DeadLetterContract<PostgresFixture>;
public sealed class PostgresListTests : ListContract<PostgresFixture>;
public sealed class PostgresQueueTests : QueueContract<PostgresFixture>;
public sealed class PostgresTextContractTests : TextContract<PostgresFixture>;

public sealed class PostgresIdempotencyTests : IdempotencyContract<PostgresFixture>
{
    [Fact]
    public async Task A_deferred_trigger_of_the_applications_that_fails_is_not_taken_for_a_key_that_was_not()
    {
        await using (var connection = await Fixture.ConnectAsync())
        {
            await using var command = connection.CreateCommand();
            command.CommandText =
                """
                CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / (NEW.id - 7); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER divide AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION divide();
                """;
            await command.ExecuteNonQueryAsync();
        }

        byte[] key = [7];
        var answer = new KeyRecord(new StoredAnswer(204, new Dictionary<string, string>(), default), new byte[32], TimeSpan.FromDays(1));
        await using (var work = await Store.Database.BeginAsync())
        {
            (await Store.Idempotency.TakeAsync(key, work, default)).State.ShouldBe(KeyState.Taken);
            await EffectAsync(work.Transaction, 7);
            var failure = await Should.ThrowAsync<StoreException>(
                async () => await Store.Idempotency.AnswerAndCommitAsync(key, answer, work));
            failure.InDoubt.ShouldBeFalse();
            failure.InnerException.ShouldBeOfType<PostgresException>().SqlState.ShouldBe(PostgresErrorCodes.DivisionByZero);
        }

        (await EffectsAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_transaction_that_its_borrower_ended_is_not_taken_for_rolled_back()
    {
        byte[] key = [8];
        var answer = new KeyRecord(new StoredAnswer(204, new Dictionary<string, string>(), default), new byte[32], TimeSpan.FromDays(1));
        await using (var work = await Store.Database.BeginAsync())
        {
            await Store.Idempotency.TakeAsync(key, work, default);
            await EffectAsync(work.Transaction, 8);
            await work.Transaction.CommitAsync();
            (await Should.ThrowAsync<InvalidOperationException>(async () =>
                await Store.Idempotency.AnswerAndCommitAsync(key, answer, work))).Message.ShouldContain("neither commit nor roll back");
        }

        await using var without = await Store.Database.BeginAsync();
        await without.Transaction.RollbackAsync();
        (await Should.ThrowAsync<InvalidOperationException>(() => without.CommitAsync())).Message.ShouldContain(
            "neither commit nor roll back");
    }
}

public sealed class PostgresApiKeyTests : ApiKeyContract<PostgresFixture>;
public sealed class PostgresQuotaTests : QuotaContract<PostgresFixture>;
public sealed class PostgresUploadTests : UploadContract<PostgresFixture>;
public sealed class PostgresWakeUpTests : WakeUpContract<PostgresFixture>;
public sealed class PostgresRetentionTests : RetentionContract<PostgresFixture>;
public sealed class PostgresOpenTests : OpenContract<PostgresFixture>;

public sealed class PostgresExactlyOnceTests : ExactlyOnceContract<PostgresFixture>;

public sealed class PostgresModelTests : ModelContract<PostgresFixture>
{
    protected override int Stories => Counts.Of(50);

    protected override int MostMisses => 24;
}
