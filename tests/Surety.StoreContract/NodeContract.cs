using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class NodeContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task No_two_joins_get_one_id()
    {
        var first = await JoinAsync();
        await Store.Nodes.LeaveAsync(first, default);
        var ids = new[] { first, await JoinAsync(), await JoinAsync() };
        ids.ShouldBeUnique();
        ids.ShouldAllBe(n => n.Value > 0);
    }

    [Fact]
    public async Task A_heartbeat_renews_the_lease_from_now()
    {
        var node = await JoinAsync();
        for (var i = 0; i < 5; i++)
        {
            Clock.Advance(Lease - TimeSpan.FromMilliseconds(1));
            (await Store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeTrue();
        }

        (await Store.Messages.RescueAsync(1, default)).Nodes.ShouldBeEmpty();
        Clock.Advance(Lease);
        (await Store.Messages.RescueAsync(1, default)).Nodes.ShouldBe(["node"]);
    }

    [Fact]
    public async Task A_node_presumed_dead_cannot_come_back_as_itself()
    {
        var node = await JoinAsync();
        await DieAsync();
        (await Store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeFalse();
        (await Store.Messages.RescueAsync(1, default)).Nodes.ShouldBeEmpty();
        (await JoinAsync()).ShouldNotBe(node);
    }

    [Fact]
    public async Task A_node_that_is_late_but_was_not_presumed_dead_goes_on()
    {
        var id = await EnqueueAsync();
        var node = await JoinAsync();
        var claimed = await ClaimOneAsync(node);
        Clock.Advance(Lease * 2);
        (await Store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeTrue();
        (await Store.Messages.RescueAsync(1, default)).Rescued.ShouldBe(0);
        (await SettleAsync(claimed.Done())).ShouldBeTrue();
        (await FindAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task A_node_hands_back_what_it_does_not_know_of_and_keeps_the_rest()
    {
        var ids = await EnqueueAsync(2);
        var tracked = await EnqueueAsync(Message() with { Tracked = true });
        var node = await JoinAsync();
        var known = await ClaimAsync(node);
        var unknown = await EnqueueAsync(2);
        var unknownTracked = await EnqueueAsync(Message() with { Tracked = true });
        await ClaimAsync(node);

        (await Store.Messages.HandBackAsync(node, [.. known.Select(m => m.Claim)], default)).ShouldBe(3);

        var again = await ClaimAsync(await JoinAsync());
        again.Select(m => m.Claim.Id).ShouldBe([.. unknown, unknownTracked], ignoreOrder: true);
        again.ShouldAllBe(m => m.Attempt == 1 && m.Deaths == 0);
        known.Select(m => m.Claim.Id).ShouldBe([.. ids, tracked], ignoreOrder: true);
        foreach (var message in known) (await SettleAsync(message.Done())).ShouldBeTrue();
        (await Store.Messages.HandBackAsync(node, [], default)).ShouldBe(0);
    }

    [Fact]
    public async Task A_node_that_leaves_hands_its_messages_back_without_a_death()
    {
        var ids = await EnqueueAsync(2);
        var leaving = await JoinAsync("leaving");
        var held = await ClaimAsync(leaving);
        await Store.Nodes.LeaveAsync(leaving, default);
        await Store.Messages.RescueAsync(100, default);

        (await SettleAsync(held[0].Done())).ShouldBeFalse();
        var again = await ClaimAsync(await JoinAsync());
        again.Select(m => m.Claim.Id).ShouldBe(ids);
        again.ShouldAllBe(m => m.Deaths == 0 && m.Attempt == 1);
    }

    [Fact]
    public async Task Leaving_twice_or_after_death_does_nothing()
    {
        var id = await EnqueueAsync();
        var doomed = await JoinAsync("doomed");
        await ClaimOneAsync(doomed);
        await DieAsync();
        var heir = await JoinAsync("heir");
        var claimed = await ClaimOneAsync(heir);
        await Store.Nodes.LeaveAsync(doomed, default);
        await Store.Nodes.LeaveAsync(doomed, default);
        (await StatusAsync(id)).ShouldBe(MessageStatus.Running);
        (await SettleAsync(claimed.Done())).ShouldBeTrue();
    }
}
