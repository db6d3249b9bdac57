using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>
/// The worker: joins the store as a node, claims for all queues in one loop, hands the claims to lanes, renews the node's lease, and drains
/// on shutdown. When the store presumes it dead, it stops what it runs and joins anew under another id.
/// </summary>
internal sealed class Worker(
    SuretyOptions options, IReadOnlyDictionary<string, QueueOptions> queues, HandlerMap handlers, Attempt attempt, Company company,
    Solitary solitary, Settler settler, RunningSet running, ProgressBoard progress, IMessageStore store, INodeStore nodes,
    SuretyHealth health, Outage outage, SuretyTelemetry telemetry, Failpoints failpoints, Supervisor supervisor, Home home,
    TimeProvider time, ILogger<Worker> log) : IDisposable
{
    private static readonly TimeSpan WatchEvery = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource ended = new();
    private readonly SemaphoreSlim room = new(0, 1);
    private readonly ClaimsInDoubt doubt = new(store, settler, time);
    private Task work = Task.CompletedTask;
    private Task settling = Task.CompletedTask;
    private List<Lane> lanes = [];
    private NodeId? lost;
    private int claims;

    /// <summary>Whether new messages are being claimed.</summary>
    public bool IsClaiming { get; private set; }

    /// <summary>The node this process is now; null while it has not joined, or another process works.</summary>
    public NodeId? Node { get; private set; }

    public void Start()
    {
        if (!options.Work) return;
        lanes = [.. queues.Select(q => new Lane(
            q.Key, q.Value, handlers.All.Where(h => h.Queue == q.Key && h.Batch is not null).ToDictionary(h => h.Kind, h => h.Batch!),
            (messages, lane, handled) => attempt.RunAsync(messages, lane, options.MaxDeaths, handled, ended.Token), RoomMade, home, time))];
        settling = supervisor.RunAsync(settler, ended.Token);
        work = supervisor.RunAsync(new Loop("work", options.NodeLease / 3, SessionAsync), stopping.Token);
    }

    /// <summary>Claims nothing from here on.</summary>
    public void StopClaiming()
    {
        health.Drain();
        stopping.Cancel();
    }

    public async Task StopAsync(CancellationToken cancel)
    {
        StopClaiming();
        await work;
        await DrainAsync(cancel);
        await ended.CancelAsync();
        await settling;
        await LeaveAsync(cancel);
    }

    public void Dispose()
    {
        stopping.Dispose();
        ended.Dispose();
        room.Dispose();
    }

    /// <summary>One life as one node: ends by exception, by shutdown, or because the store presumed this node dead.</summary>
    private async Task SessionAsync(Action turned, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            await LeaveLostAsync(cancel);
            var trusted = time.GetTimestamp();
            if (await nodes.JoinAsync(options.NodeName, options.NodeLease, cancel) is not { } node)
            {
                turned();
                if (health.StandBy(true)) Log.StandingBy(log);
                await Task.Delay(TimeSpan.FromSeconds(1), time, cancel);
                continue;
            }

            Joined(node);
            using var session = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var alive = KeepAliveAsync(node, trusted, turned, session.Token);
            var watching = supervisor.RunAsync(new Loop("watch", WatchEvery, (t, c) => WatchAsync(node, t, c)), session.Token);
            var claiming = supervisor.RunAsync(
                new Loop("claim", options.PollInterval, (t, c) => ClaimAsync(node, session, t, c)), session.Token);
            turned();
            IsClaiming = true;
            try
            {
                await alive;
            }
            finally
            {
                await session.CancelAsync();
                await Task.WhenAll(watching, claiming);
                IsClaiming = false;
            }

            if (cancel.IsCancellationRequested) return;
            Lost(node);
        }
    }

    private void Joined(NodeId node)
    {
        health.StandBy(false);
        outage.Worked();
        doubt.End();
        Node = node;
        Log.Joined(log, node, options.NodeName);
        failpoints.Pass(Failpoint.Joined);
    }

    /// <summary>The store presumes this node dead: what it runs is somebody else's.</summary>
    private void Lost(NodeId node)
    {
        (Node, lost) = (null, node);
        foreach (var lane in lanes) lane.Clear();
        solitary.Clear();
        running.StopAll(StopReason.ClaimLost);
        telemetry.LeaseLost();
        Log.PresumedDead(log, node);
    }

    /// <summary>
    /// The store was away for longer than the lease, but this process lives: what it held goes back without a death, unless another node
    /// was quicker.
    /// </summary>
    private async Task LeaveLostAsync(CancellationToken cancel)
    {
        if (lost is not { } before) return;
        await nodes.LeaveAsync(before, cancel);
        lost = null;
    }

    /// <summary>Renews the lease until it is lost or the session ends. Returns; never throws.</summary>
    private async Task KeepAliveAsync(NodeId node, long trusted, Action turned, CancellationToken cancel)
    {
        var pause = options.NodeLease / 3;
        var failing = false;
        while (true)
        {
            try
            {
                // A beat that was long on its way, as behind a long transaction on SQLite, is worth little: the next one goes at once.
                if (failing || time.GetElapsedTime(trusted) <= pause) await Task.Delay(failing ? pause / 4 : pause, time, cancel);
                // Counted from before the query left: the lease cannot have started earlier, so this node may stop too soon but never too
                // late.
                var sent = time.GetTimestamp();
                if (!await nodes.HeartbeatAsync(node, options.NodeLease, cancel)) return;
                trusted = sent;
                failing = false;
                outage.Worked();
                turned();
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (!failing) Log.HeartbeatFailed(log, e);
                failing = true;
                if (e is StoreException { Kind: FailureKind.Unavailable }) outage.Failed(e.Message, own: true);
            }

            // One that came through, however late, found the node alive.
            if (failing && time.GetElapsedTime(trusted) > options.NodeLease - pause / 2) return;
        }
    }

    private async Task ClaimAsync(NodeId node, CancellationTokenSource session, Action turned, CancellationToken cancel)
    {
        var demands = new List<QueueDemand>(lanes.Count);
        var byName = lanes.ToDictionary(l => l.Name);
        while (true)
        {
            await doubt.ResolveAsync(node, lanes, solitary, cancel);
            if (await StandAsideAsync(cancel))
            {
                turned();
                continue;
            }

            Demand(demands);
            if (demands.Count == 0)
            {
                await room.WaitAsync(UntilRate(), cancel);
                turned();
                continue;
            }

            IReadOnlyList<ClaimedMessage>? claimed;
            try
            {
                claimed = await store.ClaimAsync(node, demands, cancel);
            }
            catch (StoreException e) when (e.InDoubt)
            {
                Log.ClaimInDoubt(log, e);
                doubt.Begin();
                continue;
            }

            if (claimed is null)
            {
                await session.CancelAsync();
                return;
            }

            turned();
            if (claimed.Count > 0) await AcceptAsync(claimed, byName);
            await WaitAsync([.. demands.Select(d => d.Queue)], demands.Count < lanes.Count, cancel);
        }
    }

    /// <summary>
    /// Whether a message runs alone, or waits to; then this waits for it. What this node claimed now would wait as well, while other nodes
    /// have time for it.
    /// </summary>
    private async Task<bool> StandAsideAsync(CancellationToken cancel)
    {
        if (company.Opened is not { IsCompleted: false } opened) return false;
        await opened.WaitAsync(options.PollInterval, time, cancel).ConfigureAwait(Home.Quietly);
        cancel.ThrowIfCancellationRequested();
        if (opened.IsCompleted) return true;
        // It takes long. Neither does what was claimed before wait for it. The session's end does not stop this: what was taken out of
        // its lane and not handed on would wait for the node's end.
        await HandBackAsync(lanes.SelectMany(l => l.Clear()), ended.Token);
        company.TurnAway();
        return true;
    }

    private void Demand(List<QueueDemand> demands)
    {
        demands.Clear();
        // One claim in eight serves the lowest priority first, so that a flood of urgent messages starves nobody.
        var lowestFirst = ++claims % 8 == 0;
        foreach (var lane in lanes)
        {
            if (lane.Room() is > 0 and var limit) demands.Add(new QueueDemand(lane.Name, limit, lowestFirst));
        }
    }

    private async ValueTask AcceptAsync(IReadOnlyList<ClaimedMessage> claimed, Dictionary<string, Lane> byName)
    {
        failpoints.Pass(Failpoint.Claimed);
        var now = time.GetUtcNow();
        foreach (var message in claimed) telemetry.Waited(message, now);
        doubt.Know(claimed);
        foreach (var group in claimed.GroupBy(m => m.Queue)) await AcceptAsync(byName[group.Key], group);
    }

    private async ValueTask AcceptAsync(Lane lane, IEnumerable<ClaimedMessage> messages)
    {
        List<ClaimedMessage>? alone = null;
        lane.Accept(messages.Where(message =>
        {
            if (message.CancelReason is not null || Suspicion.Of(message, options.MaxDeaths) != Standing.Alone) return true;
            (alone ??= []).Add(message);
            return false;
        }));
        if (alone is null) return;
        foreach (var message in alone)
        {
            lane.Spend();
            await solitary.AcceptAsync(message, ended.Token);
        }
    }

    /// <summary>Waits until the store may have something for the queues with room, or a queue without room gets some.</summary>
    private async Task WaitAsync(IReadOnlyCollection<string> open, bool anyFull, CancellationToken cancel)
    {
        if (!anyFull)
        {
            await store.WaitForWorkAsync(open, options.PollInterval, cancel);
            return;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var arrival = store.WaitForWorkAsync(open, options.PollInterval, either.Token).AsTask();
        var space = room.WaitAsync(UntilRate(), either.Token);
        await Task.WhenAny(arrival, space);
        await either.CancelAsync();
        await Task.WhenAll(arrival, space).ConfigureAwait(Home.Quietly);
        cancel.ThrowIfCancellationRequested();
    }

    private TimeSpan UntilRate()
    {
        var wait = options.PollInterval;
        foreach (var lane in lanes)
        {
            if (lane.UntilRate() is var next && next > TimeSpan.Zero && next < wait) wait = next;
        }

        return wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait;
    }

    private void RoomMade()
    {
        if (room.CurrentCount > 0) return;
        try
        {
            room.Release();
        }
        catch (SemaphoreFullException)
        {
            // Another runner made the same remark.
        }
        catch (ObjectDisposedException)
        {
            // A handler that outlived its host.
        }
    }

    /// <summary>
    /// Cancellations asked for elsewhere, and progress reports. Touches the store only while something runs.
    /// </summary>
    private async Task WatchAsync(NodeId node, Action turned, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(WatchEvery, time);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            await progress.FlushAsync(cancel);
            if (running.Count > 0)
            {
                foreach (var claim in await store.CancelRequestsAsync(node, cancel)) running.Cancel(claim);
            }

            turned();
        }
    }

    private async Task DrainAsync(CancellationToken cancel)
    {
        if (Node is null) return;
        var handedBack = await HandBackAsync(lanes.SelectMany(l => l.Clear()).Concat(solitary.Clear()), cancel);
        var began = time.GetTimestamp();
        Log.Draining(log, running.Count, handedBack);
        if (!await QuietAsync(options.DrainLimit, cancel))
        {
            Log.DrainLimitPassed(log, running.Count, options.DrainLimit);
            running.StopAll(StopReason.Drain);
            solitary.Clear();
            await QuietAsync(Running.Patience + TimeSpan.FromSeconds(1), cancel);
        }

        Log.Drained(log, time.GetElapsedTime(began).TotalMilliseconds);
    }

    /// <summary>Gives what has not begun to whichever node claims it next.</summary>
    private async Task<int> HandBackAsync(IEnumerable<ClaimedMessage> messages, CancellationToken cancel)
    {
        var handedBack = 0;
        foreach (var message in messages)
        {
            await settler.PostAsync(Verdict.After(message, Outcome.Handback, queues[message.Queue], TimeSpan.Zero, 0), cancel);
            handedBack++;
        }

        return handedBack;
    }

    /// <summary>Waits until nothing runs and everything is settled; false when the time is up.</summary>
    private async Task<bool> QuietAsync(TimeSpan limit, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        while (!cancel.IsCancellationRequested && time.GetElapsedTime(began) < limit)
        {
            if (IsQuiet()) return true;
            await Task.Delay(TimeSpan.FromMilliseconds(10), time, CancellationToken.None);
        }

        return IsQuiet();
    }

    private bool IsQuiet() => lanes.All(l => l.IsIdle) && solitary.IsIdle && settler.Pending == 0;

    private async Task LeaveAsync(CancellationToken cancel)
    {
        if (Node is not { } node) return;
        try
        {
            await nodes.LeaveAsync(node, cancel);
            Node = null;
            Log.Left(log, node);
        }
        catch (Exception e)
        {
            // Its lease runs out by itself; then the others take over.
            Log.LeaveFailed(log, e, node);
        }
    }
}
