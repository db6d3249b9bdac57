using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>
/// Gathers settlements and hands them to the store in groups: one commit for all that ended while the last one was written. A settlement is
/// never dropped while the node lives; a store that fails is asked again, and one settlement it cannot take does not hold up the others.
/// One that the store refuses for what is in it would be refused for ever: its message becomes a dead letter.
/// </summary>
internal sealed class Settler(
    IMessageStore store, FollowUps followUps, SuretyTelemetry telemetry, Failpoints failpoints, TimeProvider time,
    ILogger<Settler> log) : ILoop
{
    /// <summary>How often the store has to refuse a settlement, alone, before it is believed that it always will.</summary>
    public const int MostRefusals = 3;

    private const int MaxGroup = 1_000;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    // Set aside, to be tried again later.
    private readonly ConcurrentDictionary<Claim, bool> aside = [];
    private readonly Channel<Settlement> waiting = Channel.CreateBounded<Settlement>(
        new BoundedChannelOptions(10_000) { SingleReader = true });
    private long posted;
    private long finished;
    private bool failing;
    private TaskCompletionSource turn = NewTurn();

    public string Name => "settle";

    public TimeSpan LongestRest { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Settlements handed in and not yet stored.</summary>
    public long Pending => Interlocked.Read(ref posted) - Interlocked.Read(ref finished);

    /// <summary>
    /// Whether the store refuses what it was given, and always will. Any other trouble is the store's own, and passes, or a person ends it.
    /// </summary>
    public static bool IsLasting(Exception failure) => failure is StoreException { RefusesContent: true } or ArgumentException;

    public ValueTask PostAsync(Settlement settlement, CancellationToken cancel)
    {
        Interlocked.Increment(ref posted);
        return waiting.Writer.TryWrite(settlement) ? ValueTask.CompletedTask : waiting.Writer.WriteAsync(settlement, cancel);
    }

    /// <summary>Adds the claims whose settlement was set aside because the store could not take it.</summary>
    public void AddSetAside(ISet<Claim> claims) => claims.UnionWith(aside.Keys);

    /// <summary>Completes when everything handed in before is stored, or set aside.</summary>
    public async Task StoredAsync(CancellationToken cancel)
    {
        var upTo = Interlocked.Read(ref posted);
        while (true)
        {
            var next = Volatile.Read(ref turn).Task;
            if (Interlocked.Read(ref finished) >= upTo) return;
            await next.WaitAsync(cancel);
        }
    }

    /// <summary>Completes when the claim's settlement, handed in before, is stored.</summary>
    public async Task StoredAsync(Claim claim, CancellationToken cancel)
    {
        do await StoredAsync(cancel);
        while (aside.ContainsKey(claim));
    }

    public async Task RunAsync(Action turned, CancellationToken cancel)
    {
        var group = new List<Settlement>(MaxGroup);
        while (await AnyAsync(turned, cancel))
        {
            group.Clear();
            while (group.Count < MaxGroup && waiting.Reader.TryRead(out var settlement)) group.Add(settlement);
            await SettleAsync(group, turned, cancel);
            Interlocked.Add(ref finished, group.Count);
            Interlocked.Exchange(ref turn, NewTurn()).TrySetResult();
            turned();
        }
    }

    /// <summary>Waits for a settlement, and turns now and then while there is none.</summary>
    private async ValueTask<bool> AnyAsync(Action turned, CancellationToken cancel)
    {
        var any = waiting.Reader.WaitToReadAsync(cancel);
        if (any.IsCompleted) return await any;
        var coming = any.AsTask();
        while (!coming.IsCompleted)
        {
            await ((Task)coming).WaitAsync(LongestRest, time, CancellationToken.None).ConfigureAwait(Home.Quietly);
            if (!coming.IsCompleted) turned();
        }

        return await coming;
    }

    private async Task SettleAsync(IReadOnlyList<Settlement> group, Action turned, CancellationToken cancel)
    {
        var refusals = 0;
        for (var tries = 0; ; tries++)
        {
            try
            {
                await StoreAsync(group, retried: tries > 0, cancel);
                return;
            }
            catch (Exception e) when (!cancel.IsCancellationRequested)
            {
                // One that cannot be stored must not hold up the rest: alone, each shows whether it is the one.
                if (e is not StoreException { IsTransient: true } && group.Count > 1)
                {
                    foreach (var settlement in group) await SettleAsync([settlement], turned, cancel);
                    return;
                }

                if (!failing) Log.SettlingFailed(log, e, group.Count);
                failing = true;
                turned();
                if (IsLasting(e)) refusals++;
                if (group.Count == 1 && refusals >= MostRefusals && await GiveUpAsync(group[0], e, cancel)) return;
                if (group.Count == 1 && tries >= 3)
                {
                    _ = PostLaterAsync(group[0], cancel);
                    return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(20 * Math.Pow(4, Math.Min(tries, 4))), time, cancel);
            }
        }
    }

    private async Task StoreAsync(IReadOnlyList<Settlement> group, bool retried, CancellationToken cancel)
    {
        failpoints.Pass(Failpoint.Settling);
        var answers = await store.SettleAsync(group, null, cancel);
        failpoints.Pass(Failpoint.Settled);
        for (var i = 0; i < answers.Count; i++)
        {
            Settled(group[i], answers[i], retried);
            if (!aside.IsEmpty) aside.TryRemove(group[i].Message.Claim, out _);
        }

        if (failing) Log.SettlingResumed(log);
        failing = false;
    }

    /// <summary>
    /// Makes a dead letter of a message whose outcome cannot be stored. False when that cannot be stored either: then it is the store that
    /// has to change.
    /// </summary>
    private async Task<bool> GiveUpAsync(Settlement refused, Exception why, CancellationToken cancel)
    {
        var dead = Verdict.NotStored(refused, why);
        try
        {
            if (!await followUps.TryEndAsync(dead, null, cancel))
                Settled(dead, (await store.SettleAsync([dead], null, cancel))[0], retried: true);
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            Log.SettlingFailed(log, e, 1);
            return false;
        }

        Log.OutcomeNotStored(log, why, refused.Message.Claim.Id, refused.Message.Kind, refused.Outcome);
        aside.TryRemove(refused.Message.Claim, out _);
        return true;
    }

    /// <summary>Out of the way of the others, and not forgotten.</summary>
    private async Task PostLaterAsync(Settlement settlement, CancellationToken cancel)
    {
        // At once, so that a drain waits for it.
        Interlocked.Increment(ref posted);
        aside[settlement.Message.Claim] = true;
        await Task.Delay(Pause, time, cancel).ConfigureAwait(Home.Quietly);
        if (!cancel.IsCancellationRequested) await waiting.Writer.WriteAsync(settlement, cancel);
    }

    private void Settled(Settlement settlement, bool held, bool retried)
    {
        if (held)
        {
            telemetry.Processed(settlement.Message, settlement);
            return;
        }

        // After a failed try the first one may have committed after all; then this answer is its echo.
        if (retried) return;
        telemetry.Rejected(settlement.Message.Queue);
        Log.ClaimLost(log, settlement.Message.Claim.Id, settlement.Message.Kind, settlement.Message.Claim.Number, settlement.Outcome);
    }

    private static TaskCompletionSource NewTurn() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
