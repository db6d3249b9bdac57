using Shouldly;
using Surety.Operations;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class QueueContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_paused_queue_gives_nothing_until_it_is_resumed_and_others_go_on()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        var other = await EnqueueAsync(Message() with { Queue = "other" });
        await Store.Queues.PauseAsync(Work, "the mail service is down");
        (await Store.Messages.ClaimAsync(node, [new QueueDemand(Work, 10), new QueueDemand("other", 10)], default))
            .ShouldNotBeNull().Select(m => m.Claim.Id).ShouldBe([other]);
        await Store.Queues.ResumeAsync(Work);
        (await ClaimedIdsAsync(node)).ShouldBe([id]);
    }

    [Fact]
    public async Task What_runs_in_a_paused_queue_goes_on_and_what_it_brings_back_waits()
    {
        var node = await JoinAsync();
        await EnqueueAsync(2);
        var claimed = await ClaimAsync(node);
        await Store.Queues.PauseAsync(Work, "down");
        (await SettleAsync(claimed[0].Done())).ShouldBeTrue();
        (await SettleAsync(claimed[1].Retry(TimeSpan.Zero))).ShouldBeTrue();
        await EnqueueAsync(Message() with { Delay = TimeSpan.FromSeconds(1) });
        Clock.Advance(TimeSpan.FromSeconds(1));
        (await ClaimAsync(node)).ShouldBeEmpty();
        await Store.Queues.ResumeAsync(Work);
        (await ClaimAsync(node)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_pause_is_stored_with_its_reason_and_its_instant()
    {
        var other = await Fixture.OpenAsync(Clock);
        var at = Clock.Now;
        await Store.Queues.PauseAsync("new", "until noon");
        Clock.Advance(TimeSpan.FromMinutes(1));
        (await other.Queues.ListAsync()).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            q => q.Queue.ShouldBe("new"), q => q.PausedReason.ShouldBe("until noon"), q => q.PausedAt.ShouldBe(at));

        await Store.Queues.PauseAsync("new", "until one");
        (await QueueAsync("new")).ShouldSatisfyAllConditions(
            q => q.PausedReason.ShouldBe("until one"), q => q.PausedAt.ShouldBe(Clock.Now));
        await Store.Queues.ResumeAsync("new");
        await Store.Queues.ResumeAsync("new");
        (await QueueAsync("new")).ShouldSatisfyAllConditions(q => q.PausedReason.ShouldBeNull(), q => q.PausedAt.ShouldBeNull());
    }

    [Fact]
    public async Task Resuming_what_nobody_paused_does_nothing()
    {
        await Store.Queues.ResumeAsync("never");
        (await Store.Queues.ListAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_queue_that_neither_the_host_knows_nor_the_store_has_seen_is_neither_paused_nor_resumed()
    {
        var queues = new KnownQueues(Store.Queues, ["mail"]);
        await EnqueueAsync();
        foreach (var (mistyped, meant) in new[] { ("mial", "mail"), ("works", Work), ("defualt", "default") })
        {
            (await Should.ThrowAsync<ArgumentException>(async () => await queues.PauseAsync(mistyped, "why"))).Message
                .ShouldContain($"Did you mean \"{meant}\"?");
            await Should.ThrowAsync<ArgumentException>(async () => await queues.ResumeAsync(mistyped));
        }

        (await Store.Queues.ListAsync()).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            q => q.Queue.ShouldBe(Work), q => q.PausedReason.ShouldBeNull());
    }

    [Fact]
    public async Task A_queue_that_the_host_knows_or_that_the_store_has_seen_is_paused_even_when_it_is_empty()
    {
        var queues = new KnownQueues(Store.Queues, ["mail"]);
        await EnqueueAsync();
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).Done())).ShouldBeTrue();
        foreach (var queue in new[] { "mail", Work, "default" }) await queues.PauseAsync(queue, "why");
        (await Store.Queues.ListAsync())
            .Select(q => (q.Queue, q.PausedReason)).ShouldBe([("default", "why"), ("mail", "why"), (Work, "why")]);

        // Another host, that knows none of them, resumes what it finds in the store.
        var elsewhere = new KnownQueues((await Fixture.OpenAsync(Clock)).Queues, []);
        foreach (var queue in new[] { "mail", Work, "default" }) await elsewhere.ResumeAsync(queue);
        (await Store.Queues.ListAsync()).ShouldAllBe(q => q.PausedReason == null);
    }

    [Fact]
    public async Task Queues_are_listed_by_name_and_stay_when_they_are_empty()
    {
        await EnqueueAsync(Message() with { Queue = "b" });
        await EnqueueAsync(Message() with { Queue = "a" });
        await EnqueueAsync(Message() with { Queue = "C" });
        (await SettleAsync((await ClaimAsync(await JoinAsync(), queue: "b")).ShouldHaveSingleItem().Done())).ShouldBeTrue();
        (await Store.Queues.ListAsync()).Select(q => (q.Queue, q.Ready)).ShouldBe([("C", 1), ("a", 1), ("b", 0)]);
    }

    [Fact]
    public async Task The_counts_are_of_the_state_now_and_the_age_of_the_oldest_due()
    {
        var node = await JoinAsync();
        await EnqueueAsync(3);
        var claimed = await ClaimAsync(node);
        await SettleAsync(claimed[0].Reject());
        await SettleAsync(claimed[1].Retry(TimeSpan.FromMinutes(10)));
        await EnqueueAsync(Message() with { OrderingKey = "o" });
        await EnqueueAsync(Message() with { OrderingKey = "o" });
        await EnqueueAsync(Message() with { OrderingKey = "o", Delay = TimeSpan.FromHours(1) });
        await EnqueueAsync(Message() with { Delay = TimeSpan.FromMinutes(1) });
        (await QueueAsync(Work)).ShouldBe(new QueueInfo
        {
            Queue = Work, Ready = 2, Scheduled = 3, Running = 1, Dead = 1, OldestDueAge = TimeSpan.Zero,
        });

        Clock.Advance(TimeSpan.FromMinutes(5));
        (await QueueAsync(Work)).ShouldBe(new QueueInfo
        {
            Queue = Work, Ready = 3, Scheduled = 2, Running = 1, Dead = 1, OldestDueAge = TimeSpan.FromMinutes(5),
        });
    }

    [Fact]
    public async Task A_message_that_waits_for_its_instant_is_not_old()
    {
        await EnqueueAsync(Message() with { Delay = TimeSpan.FromMinutes(5) });
        Clock.Advance(TimeSpan.FromMinutes(4));
        (await QueueAsync(Work)).OldestDueAge.ShouldBe(TimeSpan.Zero);
        Clock.Advance(TimeSpan.FromMinutes(2));
        (await QueueAsync(Work)).OldestDueAge.ShouldBe(TimeSpan.FromMinutes(1));
    }

    private async Task<QueueInfo> QueueAsync(string queue) => (await Store.Queues.ListAsync()).Single(q => q.Queue == queue);
}
