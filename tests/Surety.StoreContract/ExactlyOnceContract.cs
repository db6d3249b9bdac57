using System.Collections.Concurrent;
using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>
/// The promise that everything else serves: the effect in this database happens once, also when a node freezes, is given up and comes back.
/// </summary>
public abstract class ExactlyOnceContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private const int Count = 150, Workers = 4;

    private readonly ConcurrentQueue<ClaimedMessage> frozen = [];
    private int lost;

    [Fact]
    public async Task Every_message_has_one_effect_though_workers_freeze_and_come_back()
    {
        var ids = await EnqueueAsync(Count);
        var peer = await Fixture.OpenWorkingPeerAsync(Store, Clock);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(i => WorkAsync(i % 2 == 0 ? Store : peer, new Random(i)))).WaitAsync(
            Patience * 2);

        // The last ones come back when everything is long done.
        while (frozen.TryDequeue(out var zombie)) await HandleAsync(Store, zombie);
        (await EffectsAsync()).ShouldBe(Count);
        foreach (var id in ids) (await FindAsync(id)).ShouldBeNull();
        lost.ShouldBeGreaterThan(0, "nobody was given up, so nothing was tried");
    }

    [Fact]
    public async Task Settling_and_committing_in_one_call_does_both_or_neither()
    {
        var ids = await EnqueueAsync(2);
        var node = await JoinAsync();
        var claimed = await ClaimAsync(node);
        var (held, gone) = (claimed[0], claimed[1]);
        (await SettleAsync(gone.Done())).ShouldBeTrue();

        (await SettleAndCommitAsync(held)).ShouldBeTrue();
        (await SettleAndCommitAsync(gone)).ShouldBeFalse();
        (await SettleAndCommitAsync(held)).ShouldBeFalse();

        (await EffectsAsync()).ShouldBe(1);
        foreach (var id in ids) (await FindAsync(id)).ShouldBeNull();

    }

    [Theory]
    [InlineData("a progress report")]
    [InlineData("a request to cancel it")]
    public async Task Something_noted_of_a_running_message_costs_at_most_another_attempt(string what)
    {
        var id = (await EnqueueAsync(1))[0];
        var node = await JoinAsync();
        var claimed = await ClaimOneAsync(node);
        if (what == "a progress report") await Store.Messages.ReportAsync([(claimed.Claim, new Progress(1, 2, null, null))], default);
        else (await Store.Messages.CancelAsync(id, "why", null, default)).ShouldBe(CancelAnswer.Requested);

        if (!await SettleAndCommitAsync(claimed))
        {
            (await EffectsAsync()).ShouldBe(0);
            (await SettleAsync(claimed.HandBack())).ShouldBeTrue("nobody would ever run it again");
            (await SettleAndCommitAsync(await ClaimOneAsync(node))).ShouldBeTrue();
        }

        (await EffectsAsync()).ShouldBe(1);
        (await FindAsync(id)).ShouldBeNull();
    }

    private async Task<bool> SettleAndCommitAsync(ClaimedMessage message)
    {
        await using var work = await Store.Database.BeginAsync();
        await EffectAsync(work, AnyNumber());
        var answer = await Store.Messages.SettleAndCommitAsync([message.Done()], work, default);
        Should.Throw<InvalidOperationException>(() => work.Transaction);
        return answer.ShouldHaveSingleItem();
    }

    private async Task WorkAsync(OpenStore store, Random random)
    {
        var node = await JoinAsync(store, "worker");
        while (await EffectsAsync() < Count)
        {
            var claimed = await store.Messages.ClaimAsync(node, [new QueueDemand(Work, 3)], default);
            if (claimed is null)
            {
                node = await JoinAsync(store, "worker that was given up");
                continue;
            }

            foreach (var message in claimed)
            {
                if (random.Next(8) != 0)
                {
                    await HandleAsync(store, message);
                    continue;
                }

                // This node freezes with whatever it still holds; another one goes on.
                frozen.Enqueue(message);
                node = await JoinAsync(store, "worker after a frozen one");
                break;
            }

            if (random.Next(4) == 0 && frozen.TryDequeue(out var thawed)) await HandleAsync(store, thawed);
            if (claimed.Count > 0) continue;
            Clock.Advance(Lease + TimeSpan.FromMilliseconds(1));
            await store.Messages.RescueAsync(100, default);
        }
    }

    private async Task HandleAsync(OpenStore store, ClaimedMessage message)
    {
        await using var work = await store.Database.BeginAsync();
        if (message.Claim.Id.Value % 2 == 0)
        {
            await EffectAsync(work, AnyNumber());
            if (!(await store.Messages.SettleAndCommitAsync([message.Done()], work, default))[0]) Interlocked.Increment(ref lost);
            return;
        }

        if (!(await store.Messages.SettleAsync([message.Done()], work, default))[0])
        {
            Interlocked.Increment(ref lost);
            return;
        }

        // A second effect would break the table's primary key.
        await EffectAsync(work.Transaction, message.Claim.Id.Value);
        await work.CommitAsync();
    }

    // No effect's key keeps out a second one here; the settling has to.
    private static long AnyNumber() => Random.Shared.NextInt64(1L << 62, long.MaxValue);
}
