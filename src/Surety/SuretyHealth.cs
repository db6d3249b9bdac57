namespace Surety;

/// <summary>How this host is, apart from its store. Injected as a singleton; readiness probes read it.</summary>
public sealed class SuretyHealth
{
    private readonly Func<IEnumerable<string>> problems;
    private readonly Func<IEnumerable<string>> worries;
    private volatile IReadOnlyList<string> degraded = [];
    private int standingBy;

    internal SuretyHealth(Func<IEnumerable<string>> problems, Func<IEnumerable<string>>? worries = null) =>
        (this.problems, this.worries) = (problems, worries ?? (static () => []));

    /// <summary>The store is open and the loops run.</summary>
    public bool Started { get; private set; }

    /// <summary>The host is shutting down: it claims nothing more and finishes what runs.</summary>
    public bool Draining { get; private set; }

    /// <summary>
    /// True while another process works on this store and this one only enqueues (SQLite lets one process work at a time).
    /// </summary>
    public bool IsStandby => Volatile.Read(ref standingBy) != 0;

    /// <summary>What keeps this host from doing its work now, each a sentence; empty when nothing does.</summary>
    public IReadOnlyList<string> Problems => [.. problems()];

    /// <summary>
    /// What a person should look at though the host works: dead letters, messages without a handler, paused queues, counted every 15 s; and
    /// a database that fails attempts though the node's own work goes on; and, with the package Surety.Outgoing, clients that send nothing.
    /// </summary>
    public IReadOnlyList<string> Degraded => [.. degraded, .. worries()];

    internal void Start() => Started = true;

    internal void Drain() => Draining = true;

    internal void Degrade(IReadOnlyList<string> reasons) => degraded = reasons;

    /// <summary>Returns whether that is news.</summary>
    internal bool StandBy(bool value) => Interlocked.Exchange(ref standingBy, value ? 1 : 0) != (value ? 1 : 0);
}
