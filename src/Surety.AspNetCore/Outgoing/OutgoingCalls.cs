using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Surety.AspNetCore;

namespace Surety;

/// <summary>The state of the host's outgoing calls, by the name of their HTTP client. Injected as a singleton.</summary>
public sealed class OutgoingCalls
{
    private static readonly Meter Meter = new("Surety");
    private static readonly Counter<long> Attempts = Meter.CreateCounter<long>("surety.outgoing.attempts", "{attempt}", "Attempts at outgoing calls, by how they ended.");
    private readonly ConcurrentDictionary<string, OutgoingPipeline> pipelines = new(StringComparer.Ordinal);
    private readonly TimeProvider time;
    private readonly ILogger<OutgoingCalls> logger;

    internal OutgoingCalls(TimeProvider time, ILogger<OutgoingCalls> logger)
    {
        (this.time, this.logger) = (time, logger);
        Meter.CreateObservableGauge(
            "surety.outgoing.circuit.open", () => pipelines.Select(p => new Measurement<int>(p.Value.IsOpen ? 1 : 0, new KeyValuePair<string, object?>("surety.client", p.Key))), "{circuit}", "1 while nothing is sent.");
    }

    /// <summary>Whether a client's circuit is open, so that nothing is sent now. False for a client that has sent nothing yet.</summary>
    public bool IsOpen(string client) => pipelines.TryGetValue(client, out var pipeline) && pipeline.IsOpen;

    /// <summary>What a person should look at.</summary>
    internal IEnumerable<string> Degraded => pipelines.Where(p => p.Value.IsOpen).OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"Calls of {p.Key} are not sent: most of the last ones failed. Tried again every few seconds.");

    // The factory makes handlers anew every few minutes; what is known of the other side has to outlive them.
    internal OutgoingPipeline Of(string client, OutgoingOptions options) => pipelines.GetOrAdd(client, name => new OutgoingPipeline(name, options, time, logger));

    internal static void Ended(string client, string how) => Attempts.Add(1, new("surety.client", client), new("surety.outcome", how));
}
