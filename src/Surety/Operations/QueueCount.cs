using Microsoft.Extensions.Logging;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>Counts the queues, for the metrics and for what a person should look at.</summary>
internal sealed class QueueCount(
    IQueues reader, IReadOnlyDictionary<string, QueueOptions> known, SuretyOptions options, SuretyHealth health, SuretyTelemetry telemetry,
    ILogger<QueueCount> log) : IChore
{
    private volatile IReadOnlyList<QueueInfo> counted = [];
    private bool isObserved;

    public TimeSpan Every => TimeSpan.FromSeconds(15);

    public bool IsForNodes => false;

    public async Task DoAsync(CancellationToken cancel)
    {
        if (!isObserved) telemetry.ObserveQueues(() => counted);
        isObserved = true;
        counted = await reader.ListAsync(cancel);
        var reasons = counted.SelectMany(Reasons).ToList();
        foreach (var reason in reasons.Except(health.Degraded)) Log.Degraded(log, reason);
        health.Degrade(reasons);
    }

    private IEnumerable<string> Reasons(QueueInfo queue)
    {
        if (queue.Dead > 0) yield return $"Queue {queue.Queue} has {queue.Dead} dead letters: requeue or discard them.";
        if (queue.PausedReason is { } reason) yield return $"Queue {queue.Queue} is paused: {reason}";
        if (options.Work && queue.Ready > 0 && !known.ContainsKey(queue.Queue))
            yield return $"Queue {queue.Queue} has messages, and no handler on this node works it.";
    }
}
