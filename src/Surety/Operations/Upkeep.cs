using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Processing;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>
/// The slow chores of a working node: rescue what dead nodes held, prune what is over, and count the queues for metrics and health. Every
/// working node does them; the store's statements make that harmless.
/// </summary>
internal sealed class Upkeep(
    SuretyOptions options, IReadOnlyDictionary<string, QueueOptions> queues, Worker worker, INodeStore nodes, IMessageStore messages, IIdempotencyStore idempotency, IQuotaStore quotas, IApiKeyStore keys, IQueues reader,
    SuretyHealth health, Supervisor supervisor, TimeProvider time, ILogger<Upkeep> log) : IDisposable
{
    private const int BatchSize = 500;
    private static readonly TimeSpan PruneEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PruneKeysEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan CountEvery = TimeSpan.FromSeconds(15);

    private readonly CancellationTokenSource stopping = new();
    private volatile IReadOnlyList<QueueInfo> counted = [];
    private Task work = Task.CompletedTask;

    public void Start()
    {
        SuretyTelemetry.ObserveQueues(() => counted);
        work = supervisor.RunAsync("upkeep", RunAsync, stopping.Token);
    }

    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await work;
    }

    public void Dispose() => stopping.Dispose();

    private async Task RunAsync(Action turned, CancellationToken cancel)
    {
        long lastPrune = 0, lastKeyPrune = 0, lastCount = 0;
        while (true)
        {
            // Asked once a turn: a node that joins while this turn counts must not be taken for one that was rescued for.
            var joined = worker.Node;
            if (joined is { } node)
            {
                // Its own lease first: behind a long transaction, or after a clock of the store's that jumped, it would presume itself
                // dead.
                await nodes.HeartbeatAsync(node, options.NodeLease, cancel);
                await RescueAsync(cancel);
                if (options.KeepEndedKeys > TimeSpan.Zero && IsDue(ref lastKeyPrune, PruneKeysEvery)) await PruneAsync([(limit, stop) => keys.PruneAsync(options.KeepEndedKeys, limit, stop)], cancel);
                if (IsDue(ref lastPrune, PruneEvery))
                {
                    await keys.EndExpiredAsync(cancel);
                    await PruneAsync([messages.PruneAsync, idempotency.PruneAsync, quotas.PruneAsync], cancel);
                }
            }

            if (IsDue(ref lastCount, CountEvery)) await CountAsync(cancel);
            turned();
            // Soon after the start, then at the heartbeat's pace: a dead node's messages wait one lease and at most this pause.
            await Task.Delay(joined is null && options.Work && !health.IsStandby ? TimeSpan.FromMilliseconds(50) : options.NodeLease / 3, time, cancel);
        }
    }

    private async Task RescueAsync(CancellationToken cancel)
    {
        while (true)
        {
            var report = await messages.RescueAsync(BatchSize, cancel);
            if (report.Rescued > 0 || report.Nodes.Count > 0) Log.Rescued(log, report.Rescued, string.Join(", ", report.Nodes));
            if (report.Rescued < BatchSize) return;
        }
    }

    private async Task PruneAsync(Func<int, CancellationToken, ValueTask<int>>[] prunes, CancellationToken cancel)
    {
        var pruned = 0L;
        foreach (var prune in prunes)
        {
            int count;
            do
            {
                count = await prune(BatchSize, cancel);
                pruned += count;
            }
            while (count == BatchSize);
        }

        if (pruned > 0) Log.Pruned(log, pruned);
    }

    private async Task CountAsync(CancellationToken cancel)
    {
        var now = await reader.ListAsync(cancel);
        counted = now;
        var reasons = new List<string>();
        foreach (var queue in now)
        {
            if (queue.Dead > 0) reasons.Add($"Queue {queue.Queue} has {queue.Dead} dead letters: requeue or discard them.");
            if (queue.PausedReason is { } reason) reasons.Add($"Queue {queue.Queue} is paused: {reason}");
            if (options.Work && queue.Ready > 0 && !queues.ContainsKey(queue.Queue)) reasons.Add($"Queue {queue.Queue} has messages, and no handler on this node works it.");
        }

        foreach (var reason in reasons.Except(health.Degraded)) Log.Degraded(log, reason);
        health.Degrade(reasons);
    }

    private bool IsDue(ref long last, TimeSpan every)
    {
        if (last != 0 && time.GetElapsedTime(last) < every) return false;
        last = time.GetTimestamp();
        return true;
    }
}
