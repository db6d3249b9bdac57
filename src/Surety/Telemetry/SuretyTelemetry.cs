using System.Diagnostics;
using System.Diagnostics.Metrics;
using Surety.Storage;

namespace Surety.Telemetry;

/// <summary>
/// The one activity source and the one meter, both named <c>Surety</c>, by OpenTelemetry's semantic conventions. Labels never carry ids.
/// </summary>
internal static class SuretyTelemetry
{
    public const string Name = "Surety";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> SentMessages = Meter.CreateCounter<long>("messaging.client.sent.messages", "{message}", "Messages accepted by the store.");
    private static readonly Counter<long> ConsumedMessages = Meter.CreateCounter<long>("messaging.client.consumed.messages", "{message}", "Attempts that ended.");
    private static readonly Histogram<double> ProcessDuration = Meter.CreateHistogram<double>("messaging.process.duration", "s", "How long attempts ran.");
    private static readonly Histogram<double> WaitDuration = Meter.CreateHistogram<double>("surety.queue.wait.duration", "s", "From due to claimed.");
    private static readonly Counter<long> FencingRejected = Meter.CreateCounter<long>("surety.fencing.rejected", "{message}", "Settlements refused because the claim was lost.");
    private static readonly Counter<long> LeasesLost = Meter.CreateCounter<long>("surety.lease.lost", "{lease}", "Times this node was presumed dead while it lived.");

    /// <summary>
    /// Registers the gauges that a host's upkeep feeds. One host a process is the rule; a second one adds its own readings.
    /// </summary>
    public static void ObserveQueues(Func<IReadOnlyList<QueueInfo>> read)
    {
        Meter.CreateObservableGauge("surety.queue.depth", () => read().Select(q => Of(q, q.Ready + q.Scheduled + q.Running)), "{message}", "Messages not finished.");
        Meter.CreateObservableGauge("surety.dead_letters.depth", () => read().Select(q => Of(q, q.Dead)), "{message}", "Dead letters.");
        Meter.CreateObservableGauge(
            "surety.queue.oldest_due.age", () => read().Select(q => new Measurement<double>(q.OldestDueAge.TotalSeconds, Tag(q.Queue))), "s", "How long the oldest due message has waited.");

        static Measurement<long> Of(QueueInfo queue, long value) => new(value, Tag(queue.Queue));
    }

    public static Activity? StartSend(IReadOnlyList<NewMessage> messages)
    {
        if (!Source.HasListeners()) return null;
        var activity = Source.StartActivity($"send {messages[0].Queue}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "surety").SetTag("messaging.operation.type", "send").SetTag("messaging.destination.name", messages[0].Queue);
        if (messages.Count > 1) activity?.SetTag("messaging.batch.message_count", messages.Count);
        return activity;
    }

    public static void Sent(IReadOnlyList<NewMessage> messages, IReadOnlyList<Enqueued> results)
    {
        if (!SentMessages.Enabled) return;
        for (var i = 0; i < results.Count; i++)
        {
            if (!results[i].IsDuplicate) SentMessages.Add(1, Tag(messages[i].Queue));
        }
    }

    /// <summary>
    /// The consumer's span: a child of the enqueue while that is fresh, since people read the two together; later, and on retries, a root
    /// with a link, or traces would span days.
    /// </summary>
    public static Activity? StartProcess(ClaimedMessage message, DateTimeOffset now)
    {
        if (!Source.HasListeners()) return null;
        _ = ActivityContext.TryParse(message.Headers.GetValueOrDefault("traceparent"), message.Headers.GetValueOrDefault("tracestate"), isRemote: true, out var sender);
        var child = message.Attempt == 1 && now - message.EnqueuedAt < TimeSpan.FromMinutes(5);
        var activity = Source.StartActivity(
            $"process {message.Queue}", ActivityKind.Consumer, child ? sender : default, links: !child && sender != default ? [new ActivityLink(sender)] : null);
        activity?.SetTag("messaging.system", "surety").SetTag("messaging.operation.type", "process")
            .SetTag("messaging.destination.name", message.Queue).SetTag("messaging.message.id", message.Claim.Id.ToString()).SetTag("surety.kind", message.Kind);
        return activity;
    }

    public static void Processed(ClaimedMessage message, Settlement settlement)
    {
        if (ConsumedMessages.Enabled) ConsumedMessages.Add(1, Tag(message.Queue), new("surety.outcome", settlement.Outcome));
        if (ProcessDuration.Enabled) ProcessDuration.Record(settlement.Ran.TotalSeconds, Tag(message.Queue));
    }

    public static void Waited(ClaimedMessage message, DateTimeOffset now)
    {
        if (WaitDuration.Enabled) WaitDuration.Record(Math.Max(0, (now - message.DueAt).TotalSeconds), Tag(message.Queue));
    }

    public static void Rejected(string queue) => FencingRejected.Add(1, Tag(queue));

    public static void LeaseLost() => LeasesLost.Add(1);

    private static KeyValuePair<string, object?> Tag(string queue) => new("messaging.destination.name", queue);
}
