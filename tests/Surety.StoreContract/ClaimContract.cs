using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class ClaimContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task Two_nodes_that_claim_at_the_same_time_never_get_the_same_message()
    {
        var ids = await EnqueueAsync(300);
        var peer = await Fixture.OpenWorkingPeerAsync(Store, Clock);
        var got = await Task.WhenAll(new[] { Store, peer, Store, peer }.Select(async (store, i) =>
        {
            var node = await JoinAsync(store, $"node {i}");
            var mine = new List<MessageId>();
            while (await store.Messages.ClaimAsync(node, [new QueueDemand(Work, 7)], default) is { Count: > 0 } claimed)
                mine.AddRange(claimed.Select(m => m.Claim.Id));
            return mine;
        })).WaitAsync(Patience);
        got.SelectMany(g => g).ShouldBe(ids, ignoreOrder: true);
    }

    [Fact]
    public async Task A_claim_gives_at_most_what_was_asked_for()
    {
        var node = await JoinAsync();
        var ids = await EnqueueAsync(5);
        (await ClaimedIdsAsync(node, 2)).ShouldBe(ids[..2]);
        (await ClaimedIdsAsync(node, 10)).ShouldBe(ids[2..]);
        (await ClaimAsync(node)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_claim_serves_each_queue_by_its_own_limit_and_no_other()
    {
        var node = await JoinAsync();
        foreach (var queue in new[] { "a", "b", "c" })
        {
            for (var i = 0; i < 3; i++) await EnqueueAsync(Message() with { Queue = queue });
        }

        var claimed = (await Store.Messages.ClaimAsync(node, [new QueueDemand("a", 2), new QueueDemand("b", 1)], default))
            .ShouldNotBeNull();
        claimed.Select(m => m.Queue).ShouldBe(["a", "a", "b"]);
    }

    [Fact]
    public async Task A_claimed_message_is_running_and_nobody_elses()
    {
        var id = await EnqueueAsync();
        var first = await ClaimOneAsync(await JoinAsync("one"));
        first.Attempt.ShouldBe(1);
        (await InfoAsync(id)).ShouldSatisfyAllConditions(m => m.Status.ShouldBe(MessageStatus.Running), m => m.Attempt.ShouldBe(1));
        (await ClaimAsync(await JoinAsync("two"))).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_claim_number_grows_with_every_claim_even_where_the_attempt_does_not()
    {
        var node = await JoinAsync();
        await EnqueueAsync();
        var numbers = new List<long>();
        var attempts = new List<int>();
        for (var i = 0; i < 4; i++)
        {
            var claimed = await ClaimOneAsync(node);
            numbers.Add(claimed.Claim.Number);
            attempts.Add(claimed.Attempt);
            (await SettleAsync(i % 2 == 0 ? claimed.Snooze(TimeSpan.Zero) : claimed.Retry(TimeSpan.Zero))).ShouldBeTrue();
        }

        numbers.ShouldBe(numbers.Order());
        numbers.ShouldBeUnique();
        attempts.ShouldBe([1, 1, 2, 2]);
    }

    [Fact]
    public async Task A_node_nobody_knows_gets_null()
    {
        await EnqueueAsync();
        var node = await JoinAsync();
        await Store.Nodes.LeaveAsync(node, default);
        (await Store.Messages.ClaimAsync(node, [new QueueDemand(Work, 1)], default)).ShouldBeNull();
        (await Store.Messages.ClaimAsync(new NodeId(1_000_000), [new QueueDemand(Work, 1)], default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_node_presumed_dead_gets_null_and_its_successor_the_messages()
    {
        var id = await EnqueueAsync();
        var doomed = await JoinAsync("doomed");
        await ClaimOneAsync(doomed);
        await DieAsync();
        (await Store.Messages.ClaimAsync(doomed, [new QueueDemand(Work, 1)], default)).ShouldBeNull();
        (await ClaimedIdsAsync(await JoinAsync("successor"))).ShouldBe([id]);
    }

    [Fact]
    public async Task A_claim_says_that_cancellation_was_asked_for_while_an_earlier_attempt_ran()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        var claimed = await ClaimOneAsync(node);
        claimed.CancelReason.ShouldBeNull();
        (await Store.Messages.CancelAsync(id, "the customer paid", null, default)).ShouldBe(CancelAnswer.Requested);
        (await SettleAsync(claimed.Retry(TimeSpan.FromHours(1)))).ShouldBeTrue();
        // Due at once: there is nothing to wait for.
        (await ClaimOneAsync(node)).CancelReason.ShouldBe("the customer paid");
    }
}
