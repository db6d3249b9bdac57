namespace Surety;

/// <summary>How one queue is worked, on each node.</summary>
public sealed class QueueOptions
{
    /// <summary>
    /// Handlers running at once on this node, 1 to 1,024. Default 16. A batch counts as one. A transactional handler that has returned
    /// makes room for the next one while it is committed; as many as this may be committing, so that such a queue uses up to twice as many
    /// connections.
    /// </summary>
    public int Concurrency { get; set; } = 16;

    /// <summary>
    /// How long one attempt may take, 10 ms to 1 day. Default 1 min. Then its cancellation token fires and the attempt counts as failed,
    /// whether or not the handler stops (one that blocks its thread instead of awaiting is noticed when it returns). The claim itself is
    /// extended for as long as the node lives, so a long limit costs nothing.
    /// </summary>
    public TimeSpan HandlerTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>When failures are tried again, and given up. Default <see cref="Surety.Retry.Default"/>.</summary>
    public Retry Retry { get; set; } = Retry.Default;

    /// <summary>
    /// The most deliveries started per <see cref="RatePeriod"/> on this node in the long run, 1 to 1,000,000; null (the default) for no
    /// limit. After a pause this many may start at once (a token bucket).
    /// </summary>
    public int? RateLimit { get; set; }

    /// <summary>The time <see cref="RateLimit"/> counts in, 100 ms to 1 day. Default 1 s.</summary>
    public TimeSpan RatePeriod { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long finished messages that are kept (tracked and cancelled ones) stay. Default 7 days; <see cref="Timeout.InfiniteTimeSpan"/>
    /// for ever. Dead letters always stay until a person decides.
    /// </summary>
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);
}

/// <summary>What holds for the whole host.</summary>
public sealed class SuretyOptions
{
    /// <summary>False for a host that only enqueues: it claims nothing. Default true.</summary>
    public bool Work { get; set; } = true;

    /// <summary>This process, for people. Default host name and process id; 1 to 200 characters.</summary>
    public string NodeName { get; set; } = $"{Environment.MachineName}-{Environment.ProcessId}";

    /// <summary>
    /// How long a node counts as alive without a heartbeat, 1 s to 10 min; a dead node's messages go to others after it. Heartbeats are
    /// sent every third of it. Default 15 s.
    /// </summary>
    public TimeSpan NodeLease { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// At shutdown, how long running handlers may go on before they are cancelled and handed back, zero to 10 min. Default 20 s.
    /// </summary>
    public TimeSpan DrainLimit { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long an idle worker waits at most before it asks the store again, 10 ms to 1 min. Wake-ups make it faster. Default 1 s.
    /// </summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// After how many deaths of the process that ran it a message goes to the dead letters, 1 to 100. Default 3. At the last one it ran
    /// alone: nothing else on the node ran beside it. So 1 takes two deaths where other messages were there at the first.
    /// </summary>
    public int MaxDeaths { get; set; } = 3;

    /// <summary>
    /// The largest payload, in bytes of JSON, 1 to 16 MiB. Default 256 KiB. Larger things belong in a table or a blob store; enqueue their
    /// address.
    /// </summary>
    public int MaxBodyBytes { get; set; } = 256 * 1024;

    /// <summary>
    /// How long the content of an upload stays after its message has succeeded or was cancelled, zero to 1 year. Default zero: it goes at
    /// the sweep's next look, within half a minute.
    /// </summary>
    public TimeSpan KeepUploads { get; set; } = TimeSpan.Zero;

    /// <summary>
    /// How long an API key is listed after it was revoked or expired, whichever was first; 1 day to 100 years. Default 90 days. Zero keeps
    /// ended keys for ever.
    /// </summary>
    public TimeSpan KeepEndedKeys { get; set; } = TimeSpan.FromDays(90);
}
