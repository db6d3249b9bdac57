using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class OrderingKeyContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task Messages_of_one_key_run_one_at_a_time_in_the_order_of_their_enqueues()
    {
        var node = await JoinAsync();
        var ids = new[] { await KeyedAsync("a"), await KeyedAsync("a"), await KeyedAsync("a") };
        foreach (var id in ids)
        {
            var claimed = (await ClaimAsync(node)).ShouldHaveSingleItem();
            claimed.Claim.Id.ShouldBe(id);
            (await ClaimAsync(node)).ShouldBeEmpty();
            (await SettleAsync(claimed.Done())).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task A_batch_of_one_key_has_one_head()
    {
        var ids = await Store.Messages.EnqueueAsync([Keyed("a"), Keyed("a"), Keyed("b"), Keyed("a")], null, default);
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([ids[0].Id, ids[2].Id]);
    }

    [Fact]
    public async Task Keys_run_side_by_side_and_messages_without_one_are_held_by_nobody()
    {
        var first = await KeyedAsync("a");
        await KeyedAsync("a");
        var other = await KeyedAsync("b");
        var free = await EnqueueAsync(2);
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([first, other, .. free]);
    }

    [Fact]
    public async Task One_key_in_two_queues_is_two_keys()
    {
        var node = await JoinAsync();
        await KeyedAsync("a");
        await EnqueueAsync(Keyed("a") with { Queue = "other" });
        (await ClaimAsync(node)).Count.ShouldBe(1);
        (await ClaimAsync(node, queue: "other")).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_higher_priority_does_not_overtake_within_a_key()
    {
        var first = await KeyedAsync("a");
        await EnqueueAsync(Keyed("a") with { Priority = Priority.High });
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([first]);
    }

    [Fact]
    public async Task A_head_that_retries_or_snoozes_holds_its_followers()
    {
        var node = await JoinAsync();
        var head = await KeyedAsync("a");
        var follower = await KeyedAsync("a");

        (await SettleAsync((await ClaimOneAsync(node)).Retry(Hour))).ShouldBeTrue();
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(Hour);
        var again = (await ClaimAsync(node)).ShouldHaveSingleItem();
        again.Claim.Id.ShouldBe(head);

        (await SettleAsync(again.Snooze(Hour))).ShouldBeTrue();
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(Hour);
        (await SettleAsync((await ClaimAsync(node)).ShouldHaveSingleItem().Done())).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([follower]);
    }

    [Fact]
    public async Task A_delayed_head_holds_its_followers()
    {
        var node = await JoinAsync();
        var head = await EnqueueAsync(Keyed("a") with { Delay = Hour });
        await KeyedAsync("a");
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(Hour);
        (await ClaimedIdsAsync(node)).ShouldBe([head]);
    }

    [Fact]
    public async Task A_follower_that_is_not_due_yet_waits_for_its_instant_after_its_turn_came()
    {
        var node = await JoinAsync();
        await KeyedAsync("a");
        var follower = await EnqueueAsync(Keyed("a") with { Delay = Hour });
        (await StatusAsync(follower)).ShouldBe(MessageStatus.Scheduled);
        (await SettleAsync((await ClaimOneAsync(node)).Done())).ShouldBeTrue();
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(Hour);
        (await ClaimedIdsAsync(node)).ShouldBe([follower]);
    }

    public static TheoryData<string> FinalEnds => ["done", "kept", "reject", "cancel"];

    [Theory]
    [MemberData(nameof(FinalEnds))]
    public async Task A_head_that_ends_lets_its_followers_go_on(string end)
    {
        var node = await JoinAsync();
        await EnqueueAsync(Keyed("a") with { Tracked = end == "kept" });
        var follower = await KeyedAsync("a");
        var head = await ClaimOneAsync(node);
        (await SettleAsync(end switch { "reject" => head.Reject(), "cancel" => head.Cancelled(), _ => head.Done() })).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([follower]);
    }

    [Fact]
    public async Task A_head_cancelled_while_it_waits_lets_its_followers_go_on()
    {
        var head = await EnqueueAsync(Keyed("a") with { Delay = Hour });
        var follower = await KeyedAsync("a");
        (await Store.Messages.CancelAsync(head, "why", null, default)).ShouldBe(CancelAnswer.Cancelled);
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([follower]);
    }

    [Fact]
    public async Task A_follower_that_is_cancelled_lets_nobody_overtake()
    {
        var node = await JoinAsync();
        await KeyedAsync("a");
        var second = await KeyedAsync("a");
        var third = await KeyedAsync("a");
        var head = await ClaimOneAsync(node);
        (await Store.Messages.CancelAsync(second, "why", null, default)).ShouldBe(CancelAnswer.Cancelled);
        (await ClaimAsync(node)).ShouldBeEmpty();
        (await SettleAsync(head.Done())).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([third]);
    }

    [Fact]
    public async Task A_head_whose_node_died_is_still_the_head()
    {
        var head = await KeyedAsync("a");
        await KeyedAsync("a");
        await ClaimOneAsync(await JoinAsync("doomed"));
        await DieAsync();
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([head]);
    }

    [Fact]
    public async Task A_requeued_dead_letter_waits_for_the_running_one_and_then_goes_first()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node, Keyed("a"));
        await KeyedAsync("a");
        var third = await KeyedAsync("a");
        var running = await ClaimOneAsync(node);

        (await Store.DeadLetters.RequeueAsync(dead)).ShouldBeTrue();
        (await ClaimAsync(node)).ShouldBeEmpty();
        (await SettleAsync(running.Done())).ShouldBeTrue();
        var requeued = await ClaimOneAsync(node);
        requeued.Claim.Id.ShouldBe(dead);
        (await ClaimAsync(node)).ShouldBeEmpty();
        (await SettleAsync(requeued.Done())).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([third]);
    }

    [Fact]
    public async Task A_requeued_dead_letter_goes_first_although_nobody_claimed_before_the_running_one_ended()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node, Keyed("a"));
        await KeyedAsync("a");
        await KeyedAsync("a");
        var running = await ClaimOneAsync(node);
        (await Store.DeadLetters.RequeueAsync(dead)).ShouldBeTrue();
        (await SettleAsync(running.Done())).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([dead]);
    }

    [Fact]
    public async Task A_requeued_dead_letter_that_is_alone_with_its_key_goes_at_once()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node, Keyed("a"));
        (await Store.DeadLetters.RequeueAsync(dead)).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe([dead]);
    }

    [Fact]
    public async Task Claimers_at_the_same_time_keep_every_key_in_order()
    {
        const int keys = 5, each = 12;
        var expected = new Dictionary<string, List<MessageId>>();
        for (var i = 0; i < keys * each; i++)
        {
            var key = $"key-{i % keys}";
            if (!expected.TryGetValue(key, out var list)) expected[key] = list = [];
            list.Add(await KeyedAsync(key));
        }

        var handled = new System.Collections.Concurrent.ConcurrentQueue<(string Key, MessageId Id)>();
        var running = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async n =>
        {
            var node = await JoinAsync($"node {n}");
            while (handled.Count < keys * each)
            {
                foreach (var message in await ClaimAsync(node, 2))
                {
                    running.TryAdd(message.OrderingKey!, true).ShouldBeTrue("two of one key at a time");
                    await Task.Yield();
                    running.TryRemove(message.OrderingKey!, out _);
                    handled.Enqueue((message.OrderingKey!, message.Claim.Id));
                    (await SettleAsync(message.Done())).ShouldBeTrue();
                }
            }
        })).WaitAsync(Patience);

        foreach (var (key, ids) in expected) handled.Where(h => h.Key == key).Select(h => h.Id).ShouldBe(ids);
    }

    private static NewMessage Keyed(string key) => Message() with { OrderingKey = key };

    private Task<MessageId> KeyedAsync(string key) => EnqueueAsync(Keyed(key));
}
