using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>
/// A worker that waits is woken, long before it would look by itself. A hint may be lost, so a store may be given the cause more than
/// once.
/// </summary>
public abstract class WakeUpContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan ForEver = TimeSpan.FromHours(1);

    [Fact]
    public async Task An_enqueue_wakes_a_waiter() => await WakesAsync(async () => await EnqueueAsync());

    [Fact]
    public async Task An_enqueue_by_another_process_wakes_a_waiter()
    {
        var other = await Fixture.OpenAsync(Clock);
        await WakesAsync(async () => await other.Messages.EnqueueAsync([Message()], null, default));
    }

    [Fact]
    public async Task The_commit_of_a_unit_of_work_wakes_a_waiter() => await WakesAsync(async () =>
    {
        await using var work = await Store.Database.BeginAsync();
        await Store.Messages.EnqueueAsync([Message()], work, default);
        await work.CommitAsync();
    });

    [Fact]
    public async Task The_commit_of_a_transaction_of_the_applications_own_wakes_a_waiter() => await WakesAsync(async () =>
    {
        await using var connection = await Fixture.ConnectAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await Store.Messages.EnqueueAsync([Message()], transaction, default);
        await transaction.CommitAsync();
    });

    [Fact]
    public async Task A_requeue_wakes_a_waiter()
    {
        var id = await DeadAsync(await JoinAsync());
        await WakesAsync(async () => await Store.DeadLetters.RequeueAsync(id));
    }

    [Fact]
    public async Task A_resumed_queue_wakes_a_waiter()
    {
        await Store.Queues.PauseAsync(Work, "down");
        await EnqueueAsync();
        await WakesAsync(async () => await Store.Queues.ResumeAsync(Work));
    }

    [Fact]
    public async Task The_end_of_a_head_wakes_whoever_waits_for_its_follower()
    {
        var node = await JoinAsync();
        await EnqueueAsync(Message() with { OrderingKey = "o" });
        await EnqueueAsync(Message() with { OrderingKey = "o" });
        var head = await ClaimOneAsync(node);
        await WakesAsync(async () => (await SettleAsync(head.Done())).ShouldBeTrue(), node);
    }

    [Fact]
    public async Task A_message_enqueued_between_the_claim_and_the_wait_is_not_missed()
    {
        var node = await JoinAsync();
        (await ClaimAsync(node)).ShouldBeEmpty();
        await EnqueueAsync();
        await WaitAsync(ForEver).WaitAsync(Patience);
        (await ClaimAsync(node)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Who_left_some_behind_does_not_wait()
    {
        var node = await JoinAsync();
        for (var i = 0; i < 3; i++) await EnqueueAsync();
        (await ClaimAsync(node, 2)).Count.ShouldBe(2);
        await WaitAsync(ForEver).WaitAsync(Patience);
        (await ClaimAsync(node)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_message_that_is_due_already_is_not_waited_for()
    {
        var node = await JoinAsync();
        await EnqueueAsync(Message() with { Delay = TimeSpan.FromSeconds(1) });
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(TimeSpan.FromSeconds(1));
        await WaitAsync(ForEver).WaitAsync(Patience);
        (await ClaimAsync(node)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_wait_ends_with_its_time()
    {
        await ClaimAsync(await JoinAsync());
        await WaitAsync(TimeSpan.FromMilliseconds(10)).WaitAsync(Patience);
        (await ClaimAsync(await JoinAsync())).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_wait_can_be_given_up()
    {
        await ClaimAsync(await JoinAsync());
        using var given = new CancellationTokenSource();
        var waiting = Store.Messages.WaitForWorkAsync([Work], ForEver, given.Token).AsTask();
        await given.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting.WaitAsync(Patience));
    }

    private async Task WakesAsync(Func<Task> cause, NodeId? node = null)
    {
        var worker = node ?? await JoinAsync();
        (await ClaimAsync(worker)).ShouldBeEmpty();
        var waiting = WaitAsync(ForEver);
        await cause();
        await waiting.WaitAsync(Patience);
        (await ClaimAsync(worker)).ShouldNotBeEmpty();
    }

    private Task WaitAsync(TimeSpan atMost) => Store.Messages.WaitForWorkAsync([Work], atMost, default).AsTask();
}
