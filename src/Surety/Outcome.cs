namespace Surety;

/// <summary>
/// What a handler says of one delivery. Throwing is an answer too: an exception asks for a retry unless the queue's <see cref="Retry"/>
/// policy says otherwise for its type.
/// </summary>
public sealed class Outcome
{
    private Outcome(OutcomeKind kind) => Kind = kind;

    internal OutcomeKind Kind { get; }
    internal TimeSpan? After { get; private init; }
    internal string? Reason { get; private init; }
    internal JobResult? Result { get; private init; }
    internal Exception? Exception { get; private init; }

    /// <summary>The work is done.</summary>
    public static Outcome Done { get; } = new(OutcomeKind.Done);

    /// <summary>
    /// The work is done, and this is its result; kept with the message's status when the message is tracked (as jobs are), for the queue's
    /// retention.
    /// </summary>
    /// <param name="content">
    /// The result itself, at most 1 MiB of UTF-8. Put larger ones where they belong and give their address. U+0000 and halves of surrogate
    /// pairs, which no database keeps as text, become U+FFFD.
    /// </param>
    /// <param name="contentType">Its media type; at most 200 characters.</param>
    /// <exception cref="ArgumentException">The content is larger than 1 MiB, or the media type is none.</exception>
    public static Outcome DoneWith(string content, string contentType = "application/json") =>
        new(OutcomeKind.Done) { Result = JobResult.Checked(content, contentType) };

    /// <summary>Try again: spends an attempt; dead when none is left.</summary>
    /// <param name="reason">What went wrong, for people.</param>
    /// <param name="after">
    /// Not before this long from now (a provider's <c>Retry-After</c>); null leaves it to the policy. The longer of the two counts.
    /// </param>
    public static Outcome Retry(string reason, TimeSpan? after = null) => new(OutcomeKind.Retry) { Reason = reason, After = after };

    /// <summary>No attempt can succeed: to the dead letters at once.</summary>
    /// <param name="reason">Why, for the person who will look at it.</param>
    public static Outcome Reject(string reason) => new(OutcomeKind.Reject) { Reason = reason };

    /// <summary>Not now: deliver again later, without spending an attempt.</summary>
    /// <param name="delay">How long from now; zero or more.</param>
    /// <param name="reason">What it waits for, shown in its status.</param>
    public static Outcome Snooze(TimeSpan delay, string? reason = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        return new(OutcomeKind.Snooze) { After = delay, Reason = reason };
    }

    /// <summary>The work is no longer wanted: ends as cancelled, which is neither success nor a dead letter.</summary>
    /// <param name="reason">Why, for people.</param>
    public static Outcome Cancel(string reason) => new(OutcomeKind.Cancel) { Reason = reason };

    internal static Outcome Failed(Exception exception) =>
        new(OutcomeKind.Retry) { Exception = exception, After = (exception as RetryException)?.After };

    internal static Outcome RejectedBy(Exception exception) => new(OutcomeKind.Reject) { Exception = exception };

    internal static Outcome Cancelled { get; } = new(OutcomeKind.Cancel);

    internal static Outcome Handback { get; } = new(OutcomeKind.Handback);
}

internal enum OutcomeKind
{
    Done,
    Retry,
    Reject,
    Snooze,
    Cancel,

    /// <summary>Not run, or stopped by this host's shutdown: back to the queue, at once and uncounted.</summary>
    Handback,
}

/// <summary>Thrown by a handler that wants another attempt and knows when.</summary>
/// <param name="message">What went wrong, for people.</param>
/// <param name="after">Not before this long from now; null leaves it to the queue's policy.</param>
/// <param name="innerException">The cause.</param>
public sealed class RetryException(
    string message, TimeSpan? after = null, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>Not before this long from the failure; null leaves it to the queue's policy.</summary>
    public TimeSpan? After { get; } = after;
}

/// <summary>Thrown by a handler when no attempt can succeed: the message goes to the dead letters at once.</summary>
/// <param name="message">Why, for the person who will look at it.</param>
/// <param name="innerException">The cause.</param>
public sealed class RejectException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>What a finished job leaves behind.</summary>
/// <param name="Content">The result itself.</param>
/// <param name="ContentType">Its media type.</param>
public sealed record JobResult(string Content, string ContentType)
{
    /// <summary>The most a result may hold, in bytes of UTF-8: 1 MiB.</summary>
    public const int MaxBytes = 1 << 20;

    internal static JobResult Checked(string content, string contentType)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentException.ThrowIfNullOrWhiteSpace(contentType);
        if (contentType.Length > 200 || !StoredText.IsStorable(contentType))
            throw new ArgumentException(
                $"The result's media type \"{StoredText.Cut(contentType, 40)}\" is none: it has more than 200 characters, U+0000 or half a "
                + "surrogate pair.",
                nameof(contentType));
        content = StoredText.Storable(content);
        var bytes = System.Text.Encoding.UTF8.GetByteCount(content);
        return bytes <= MaxBytes
            ? new JobResult(content, contentType)
            : throw new ArgumentException(
                $"The result has {bytes} bytes; at most {MaxBytes} are kept with a job. Store it elsewhere and return its address.",
                nameof(content));
    }
}
