namespace Surety;

/// <summary>How calls of one HTTP client are kept from failing, and from doing harm when they do.</summary>
public sealed class OutgoingOptions
{
    /// <summary>
    /// How often a call is sent at the most, 1 to 10. Default 3. Sent again are calls that may be repeated (GET, HEAD, PUT, DELETE,
    /// OPTIONS, or with an <c>Idempotency-Key</c>) after 408, 429, 5xx, a time-out or a broken connection; any other call only when it
    /// certainly was not sent.
    /// </summary>
    public int Attempts { get; set; } = 3;

    /// <summary>
    /// The first pause between two attempts; each next one is twice as long, give or take a random part. Default 200 ms. A
    /// <c>Retry-After</c> that fits into <see cref="TotalTimeout"/> is waited for instead; a longer one ends the call.
    /// </summary>
    public TimeSpan Backoff { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How long one attempt may take until its headers are there. Default 5 s.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long all attempts and pauses may take together. Default 15 s.</summary>
    public TimeSpan TotalTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How many calls may be under way at once, 1 to 10,000. Default 64. The next one is refused at once, so that a slow service cannot
    /// hold everything here.
    /// </summary>
    public int MaxConcurrency { get; set; } = 64;

    /// <summary>Which part of the attempts has to fail before the circuit opens, above 0 to 1. Default a half.</summary>
    public double BreakAt { get; set; } = 0.5;

    /// <summary>Of how many attempts at least, within <see cref="BreakWindow"/>; 2 or more. Default 8.</summary>
    public int BreakAfter { get; set; } = 8;

    /// <summary>Over how long failures are counted. Default 10 s.</summary>
    public TimeSpan BreakWindow { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an open circuit sends nothing, before one attempt tries. Default 5 s.</summary>
    public TimeSpan BreakFor { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Sends a GET or HEAD a second time when the first has not answered after this, and takes the first answer. Default null: never.
    /// </summary>
    public TimeSpan? HedgeAfter { get; set; }

    /// <summary>Answers a call that failed in the end, by an answer that is good enough; null lets the failure out. Default none.</summary>
    public Func<HttpRequestMessage, Exception?, HttpResponseMessage?>? Fallback { get; set; }
}

/// <summary>A call was not sent: the circuit is open, or too many are under way. So it certainly did nothing.</summary>
public sealed class CallNotSentException : HttpRequestException
{
    internal CallNotSentException(string message, TimeSpan? after, Exception? inner) : base(message, inner) => RetryAfter = after;

    /// <summary>When a call may be sent again, if that is known.</summary>
    public TimeSpan? RetryAfter { get; }
}
