using Shouldly;
using Surety.Sqlite.Hosting;

namespace Surety.Tests.Sqlite;

/// <summary>Several processes on one file: all may enqueue, one works, and its death is noticed at once.</summary>
public sealed class SeveralProcessesTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private readonly DatabaseFile file = new();
    private SqliteStore store = null!;

    public async ValueTask InitializeAsync() => store = await file.OpenAsync();

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task All_may_enqueue_at_the_same_time()
    {
        await using var one = OtherProcess.Start("enqueue", file);
        await using var two = OtherProcess.Start("enqueue", file);
        await one.ShouldSayAsync("ready");
        await two.ShouldSayAsync("ready");
        one.Go();
        two.Go();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => DatabaseFile.EnqueueAsync(store))).WaitAsync(DatabaseFile.Patience);
        await one.ShouldSayAsync("enqueued");
        await two.ShouldSayAsync("enqueued");
        (await DatabaseFile.CountAsync(store)).ShouldBe(300);
    }

    [Fact]
    public async Task One_works_and_the_next_takes_over_the_moment_it_is_killed()
    {
        for (var i = 0; i < 3; i++) await DatabaseFile.EnqueueAsync(store);
        await using var first = OtherProcess.Start("work", file);
        await first.ShouldSayAsync("working");
        await first.ShouldSayAsync("claimed 3");
        (await store.Nodes.JoinAsync("this", Lease, default)).ShouldBeNull();
        await using var second = OtherProcess.Start("work", file);
        await second.ShouldSayAsync("standby");

        // Its lease would last for another hour.
        await first.KillAsync();
        await second.ShouldSayAsync("working");
        await second.ShouldSayAsync("claimed 3");
        foreach (var message in (await store.Messages.ListAsync(new MessageFilter(), default)).Items)
        {
            message.Deaths.ShouldBe(1);
            (await store.Messages.FindAsync(message.Id, default))!.Attempts.ShouldHaveSingleItem().Outcome.ShouldBe(AttemptOutcome.Lost);
        }
    }

    [Fact]
    public async Task A_process_killed_in_its_transaction_leaves_nothing_and_holds_nobody_up()
    {
        await using var holder = OtherProcess.Start("hold", file);
        await holder.ShouldSayAsync("holding");
        var waiting = DatabaseFile.EnqueueAsync(store);
        (await DatabaseFile.CountAsync(store)).ShouldBe(0);
        waiting.IsCompleted.ShouldBeFalse();
        await holder.KillAsync();
        var id = (await waiting.WaitAsync(DatabaseFile.Patience))[0].Id;
        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem().Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_message_that_kills_its_process_is_given_up_after_three_deaths_and_takes_no_other_with_it()
    {
        var poison = default(MessageId);
        for (var i = 0; i < 20; i++)
        {
            var ping = await EnqueueAsync("test.ping", "poisoned", i);
            if (i == 13) poison = ping;
            await EnqueueAsync("test.pong", "innocent", i);
        }

        var processes = 0;
        for (var done = false; !done; processes++)
        {
            processes.ShouldBeLessThan(10);
            await using var process = OtherProcess.Start("poison", file);
            done = await process.EndsDoneAsync();
        }

        processes.ShouldBe(4);
        var left = (await store.Messages.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem();
        (left.Id, left.Status, left.Deaths, left.Cause).ShouldBe((poison, MessageStatus.Dead, 3, "process died"));
    }

    private async Task<MessageId> EnqueueAsync(string kind, string queue, int number)
    {
        var message = DatabaseFile.Message() with
        {
            Kind = kind, Queue = queue, Body = System.Text.Encoding.UTF8.GetBytes($$"""{"number":{{number}}}"""),
        };
        return (await store.Messages.EnqueueAsync([message], null, default))[0].Id;
    }

    [Fact]
    public async Task A_second_store_may_work_when_the_first_ones_last_node_has_left()
    {
        var other = await file.OpenAsync();
        var (one, two) = (await JoinAsync(store), await JoinAsync(store));
        (await other.Nodes.JoinAsync("other", Lease, default)).ShouldBeNull();
        await store.Nodes.LeaveAsync(one!.Value, default);
        (await other.Nodes.JoinAsync("other", Lease, default)).ShouldBeNull();
        await store.Nodes.LeaveAsync(two!.Value, default);
        (await JoinAsync(other)).ShouldNotBeNull();
        (await JoinAsync(store)).ShouldBeNull();
    }

    [Fact]
    public async Task A_node_that_was_presumed_dead_does_not_keep_the_work_from_others()
    {
        var other = await file.OpenAsync();
        var frozen = (await JoinAsync(store))!.Value;
        file.Clock.Advance(Lease);
        await store.Messages.RescueAsync(1, default);
        var again = (await JoinAsync(store))!.Value;
        await store.Nodes.LeaveAsync(frozen, default);
        (await JoinAsync(other)).ShouldBeNull();
        await store.Nodes.LeaveAsync(again, default);
        (await JoinAsync(other)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_store_that_closes_gives_the_work_to_the_next()
    {
        (await JoinAsync(store)).ShouldNotBeNull();
        var other = await file.OpenAsync();
        (await JoinAsync(other)).ShouldBeNull();
        await store.DisposeAsync();
        (await JoinAsync(other)).ShouldNotBeNull();
    }

    private static async Task<Storage.NodeId?> JoinAsync(SqliteStore store) => await store.Nodes.JoinAsync("node", Lease, default);
}
