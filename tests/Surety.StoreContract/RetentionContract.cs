using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class RetentionContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_finished_message_stays_for_its_retention_and_then_goes_with_its_history()
    {
        var id = await FinishedAsync(m => m.Done());
        Clock.Advance(Endings.Retention - TimeSpan.FromMilliseconds(1));
        (await Store.Messages.PruneAsync(100, default)).ShouldBe(0);
        (await InfoAsync(id)).Attempts.Count.ShouldBe(1);

        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await Store.Messages.PruneAsync(100, default)).ShouldBe(1);
        (await FindAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task Cancelled_messages_are_pruned_too()
    {
        var byHandler = await FinishedAsync(m => m.Cancelled());
        var fromOutside = await EnqueueAsync();
        await Store.Messages.CancelAsync(fromOutside, "why", null, default);
        var discarded = await DeadAsync(await JoinAsync());
        await Store.DeadLetters.DiscardAsync(discarded, "why");

        Clock.Advance(TimeSpan.FromDays(365));
        (await Store.Messages.PruneAsync(100, default)).ShouldBe(3);
        foreach (var id in new[] { byHandler, fromOutside, discarded }) (await FindAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task Neither_a_dead_letter_nor_a_waiting_message_is_ever_pruned()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node);
        var requeued = await DeadAsync(node);
        await Store.DeadLetters.RequeueAsync(requeued);
        var retrying = await EnqueueAsync(Message() with { Queue = "other" });
        await SettleAsync((await ClaimAsync(node, queue: "other")).ShouldHaveSingleItem().Retry(TimeSpan.Zero) with
        {
            KeepFor = TimeSpan.Zero,
        });

        Clock.Advance(TimeSpan.FromDays(3650));
        (await Store.Messages.PruneAsync(100, default)).ShouldBe(0);
        foreach (var id in new[] { dead, requeued, retrying }) (await FindAsync(id)).ShouldNotBeNull();
    }

    [Fact]
    public async Task Endless_retention_prunes_nothing()
    {
        var id = await FinishedAsync(m => m.Done() with { KeepFor = null });
        Clock.Advance(TimeSpan.FromDays(36500));
        (await Store.Messages.PruneAsync(100, default)).ShouldBe(0);
        (await StatusAsync(id)).ShouldBe(MessageStatus.Succeeded);
    }

    [Fact]
    public async Task A_prune_takes_no_more_than_its_limit()
    {
        for (var i = 0; i < 5; i++) await FinishedAsync(m => m.Done());
        Clock.Advance(Endings.Retention);
        var pruned = new List<int>();
        for (var i = 0; i < 4; i++) pruned.Add(await Store.Messages.PruneAsync(2, default));
        pruned.ShouldBe([2, 2, 1, 0]);
    }

    [Fact]
    public async Task A_pruned_messages_id_is_not_given_again()
    {
        var id = await FinishedAsync(m => m.Done());
        Clock.Advance(Endings.Retention);
        await Store.Messages.PruneAsync(100, default);
        (await EnqueueAsync()).Value.ShouldBeGreaterThan(id.Value);
    }

    private async Task<MessageId> FinishedAsync(Func<ClaimedMessage, Settlement> end)
    {
        await EnqueueAsync(Message() with { Tracked = true });
        var claimed = await ClaimOneAsync(await JoinAsync());
        (await SettleAsync(end(claimed))).ShouldBeTrue();
        return claimed.Claim.Id;
    }
}
