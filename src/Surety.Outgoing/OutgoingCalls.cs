using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Polly.CircuitBreaker;
using Surety.Telemetry;

namespace Surety;

/// <summary>The state of the host's outgoing calls, by the name of their HTTP client. Injected as a singleton.</summary>
public sealed class OutgoingCalls : IWorries
{
    private readonly ConcurrentDictionary<string, CircuitBreakerStateProvider> circuits = new(StringComparer.Ordinal);
    private readonly Counter<long> attempts;

    internal OutgoingCalls(IMeterFactory meters)
    {
        // The host's own: it ends with the host.
        var meter = meters.Create(SuretyTelemetry.Name);
        attempts = meter.CreateCounter<long>("surety.outgoing.attempts", "{attempt}", "Attempts at outgoing calls, by how they ended.");
        meter.CreateObservableGauge("surety.outgoing.circuit.open", Measure, "{circuit}", "1 while nothing is sent.");
    }

    /// <summary>Whether a client's circuit is open, so that nothing is sent now. False for a client that has sent nothing yet.</summary>
    public bool IsOpen(string client) => circuits.TryGetValue(client, out var circuit) && IsOpen(circuit);

    IEnumerable<string> IWorries.Worries => Degraded;

    /// <summary>What a person should look at.</summary>
    internal IEnumerable<string> Degraded =>
        from circuit in circuits
        where IsOpen(circuit.Value)
        orderby circuit.Key
        select $"Calls of {circuit.Key} are not sent: most of the last ones failed. Tried again every few seconds.";

    /// <summary>Where the client's circuit breaker shows its state.</summary>
    internal CircuitBreakerStateProvider CircuitOf(string client) => circuits.GetOrAdd(client, _ => new CircuitBreakerStateProvider());

    internal void Ended(string client, string how) => attempts.Add(1, new("surety.client", client), new("surety.outcome", how));

    private static bool IsOpen(CircuitBreakerStateProvider circuit) => circuit.CircuitState is CircuitState.Open or CircuitState.Isolated;

    private IEnumerable<Measurement<int>> Measure() =>
        circuits.Select(c => new Measurement<int>(IsOpen(c.Value) ? 1 : 0, new KeyValuePair<string, object?>("surety.client", c.Key)));
}
