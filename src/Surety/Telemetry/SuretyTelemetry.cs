using System.Diagnostics;
using System.Diagnostics.Metrics;
using Surety.Storage;

namespace Surety.Telemetry;

/// <summary>
/// A host's activity source and its meter, both named <c>Surety</c>, by OpenTelemetry's semantic conventions. Labels never carry ids. Both
/// end with the host, or their gauges would keep its store in memory.
/// </summary>
internal sealed class SuretyTelemetry : IDisposable
{
    public const string Name = "Surety";

    private readonly ActivitySource source = new(Name);
    private readonly Meter meter;
    private readonly Counter<long> sent;
    private readonly Counter<long> consumed;
    private readonly Histogram<double> processDuration;
    private readonly Histogram<double> waitDuration;
    private readonly Counter<long> fencingRejected;
    private readonly Counter<long> leasesLost;

    public SuretyTelemetry(IMeterFactory meters)
    {
        // The factory's own: it ends with the host.
        meter = meters.Create(Name);
        sent = meter.CreateCounter<long>("messaging.client.sent.messages", "{message}", "Messages accepted by the store.");
        consumed = meter.CreateCounter<long>("messaging.client.consumed.messages", "{message}", "Attempts that ended.");
        processDuration = meter.CreateHistogram<double>("messaging.process.duration", "s", "How long attempts ran.");
        waitDuration = meter.CreateHistogram<double>("surety.queue.wait.duration", "s", "From due to claimed.");
        fencingRejected = meter.CreateCounter<long>(
            "surety.fencing.rejected", "{message}", "Settlements refused because the claim was lost.");
        leasesLost = meter.CreateCounter<long>("surety.lease.lost", "{lease}", "Times this node was presumed dead while it lived.");
    }

    /// <summary>Registers the gauges that a host's upkeep feeds.</summary>
    public void ObserveQueues(Func<IReadOnlyList<QueueInfo>> read)
    {
        meter.CreateObservableGauge(
            "surety.queue.depth", (
                ) => read().Select(q => Of(q, q.Ready + q.Scheduled + q.Running)), "{message}", "Messages not finished.");
        meter.CreateObservableGauge("surety.dead_letters.depth", () => read().Select(q => Of(q, q.Dead)), "{message}", "Dead letters.");
        meter.CreateObservableGauge(
            "surety.queue.oldest_due.age", () => read().Select(Age), "s", "How long the oldest due message has waited.");

        static Measurement<long> Of(QueueInfo queue, long value) => new(value, Tag(queue.Queue));
        static Measurement<double> Age(QueueInfo queue) => new(queue.OldestDueAge.TotalSeconds, Tag(queue.Queue));
    }

    public Activity? StartSend(IReadOnlyList<NewMessage> messages)
    {
        if (!source.HasListeners()) return null;
        var activity = source.StartActivity($"send {messages[0].Queue}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "surety").SetTag("messaging.operation.type", "send")
            .SetTag("messaging.destination.name", messages[0].Queue);
        if (messages.Count > 1) activity?.SetTag("messaging.batch.message_count", messages.Count);
        return activity;
    }

    public void Sent(IReadOnlyList<NewMessage> messages, IReadOnlyList<Enqueued> results)
    {
        if (!sent.Enabled) return;
        for (var i = 0; i < results.Count; i++)
        {
            if (!results[i].IsDuplicate) sent.Add(1, Tag(messages[i].Queue));
        }
    }

    /// <summary>
    /// The consumer's span: a child of the enqueue while that is fresh, since people read the two together; later, and on retries, a root
    /// with a link, or traces would span days.
    /// </summary>
    public Activity? StartProcess(ClaimedMessage message, DateTimeOffset now)
    {
        if (!source.HasListeners()) return null;
        var (parent, state) = (message.Headers.GetValueOrDefault("traceparent"), message.Headers.GetValueOrDefault("tracestate"));
        _ = ActivityContext.TryParse(parent, state, isRemote: true, out var sender);
        var child = message.Attempt == 1 && now - message.EnqueuedAt < TimeSpan.FromMinutes(5);
        ActivityLink[]? links = !child && sender != default ? [new ActivityLink(sender)] : null;
        var activity = source.StartActivity($"process {message.Queue}", ActivityKind.Consumer, child ? sender : default, links: links);
        activity?.SetTag("messaging.system", "surety").SetTag("messaging.operation.type", "process")
            .SetTag("messaging.destination.name", message.Queue).SetTag("messaging.message.id", message.Claim.Id.ToString())
            .SetTag("surety.kind", message.Kind);
        return activity;
    }

    public void Processed(ClaimedMessage message, Settlement settlement)
    {
        if (consumed.Enabled) consumed.Add(1, Tag(message.Queue), new("surety.outcome", settlement.Outcome));
        if (processDuration.Enabled) processDuration.Record(settlement.Ran.TotalSeconds, Tag(message.Queue));
    }

    public void Waited(ClaimedMessage message, DateTimeOffset now)
    {
        if (waitDuration.Enabled) waitDuration.Record(Math.Max(0, (now - message.DueAt).TotalSeconds), Tag(message.Queue));
    }

    public void Rejected(string queue) => fencingRejected.Add(1, Tag(queue));

    public void LeaseLost() => leasesLost.Add(1);

    public void Dispose() => source.Dispose();

    private static KeyValuePair<string, object?> Tag(string queue) => new("messaging.destination.name", queue);
}
