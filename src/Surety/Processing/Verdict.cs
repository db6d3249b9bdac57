using System.Text;
using Surety.Storage;

namespace Surety.Processing;

/// <summary>
/// Decides what becomes of a message after an attempt. Pure: the whole next state out of what is known, no clock, no randomness of its own.
/// </summary>
internal static class Verdict
{
    public const int MaxErrorLength = 8_000;
    private const int MaxReasonLength = 500;
    private const int MaxCauseLength = 200;

    /// <summary>How long a message that this node cannot read waits before it asks again; a rolling deployment is over by then.</summary>
    private static readonly TimeSpan UnreadableDelay = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan NotAloneDelay = TimeSpan.FromSeconds(5);

    /// <param name="message">What was attempted.</param>
    /// <param name="outcome">What the handler said, or what its exception means.</param>
    /// <param name="queue">The queue's options.</param>
    /// <param name="ran">How long the attempt ran.</param>
    /// <param name="jitter">A random number in [0, 1).</param>
    public static Settlement After(ClaimedMessage message, Outcome outcome, QueueOptions queue, TimeSpan ran, double jitter)
    {
        TimeSpan? keepFor = queue.Retention == Timeout.InfiniteTimeSpan ? null : queue.Retention;
        // What nearly all of them come to is made in one piece.
        if (outcome.Kind == OutcomeKind.Done) return Succeeded(message, outcome, ran, keepFor);

        var reason = StoredText.Cut(outcome.Reason ?? outcome.Exception?.Message, MaxReasonLength);
        var next = new Settlement
        {
            Message = message, Next = NextState.Waiting, Outcome = "", Ran = ran, Reason = reason, Recorded = true,
        };

        switch (outcome.Kind)
        {
            case OutcomeKind.Retry:
                var failure = next with
                {
                    Outcome = "retry", SpendsAttempt = true,
                    Cause = CauseOf(outcome.Exception, reason), Error = ErrorOf(outcome.Exception, reason),
                };
                var wait = queue.Retry.After(new RetryContext(message.Attempt, outcome.Exception, jitter));
                return wait is { } delay
                    ? failure with { Delay = Longer(delay, outcome.After) }
                    : failure with { Next = NextState.Dead, Outcome = "reject" };

            case OutcomeKind.Reject:
                return next with
                {
                    Next = NextState.Dead, Outcome = "reject", SpendsAttempt = true,
                    Cause = CauseOf(outcome.Exception, reason), Error = ErrorOf(outcome.Exception, reason),
                };

            case OutcomeKind.Snooze:
                return next with { Outcome = "snooze", Delay = Shorter(outcome.After ?? TimeSpan.Zero, TimeSpan.FromDays(3660)) };

            case OutcomeKind.Cancel:
                return next with { Next = NextState.Cancelled, Outcome = "cancel", SpendsAttempt = true, KeepFor = keepFor };

            case OutcomeKind.Handback:
                return next with { Outcome = "handback", Recorded = false, Reason = null };

            default:
                throw new InvalidOperationException($"Unknown outcome {outcome.Kind}.");
        }
    }

    private static Settlement Succeeded(ClaimedMessage message, Outcome outcome, TimeSpan ran, TimeSpan? keepFor) => new()
    {
        Message = message, Next = NextState.Succeeded, Outcome = "done", Ran = ran, Recorded = message.Tracked, SpendsAttempt = true,
        KeepFor = keepFor, Result = message.Tracked ? outcome.Result : null,
    };

    /// <summary>
    /// A message whose holders died too often, the last one while nothing else ran, is given up unseen: running it once more would take the
    /// next process down.
    /// </summary>
    public static Settlement AfterDeaths(ClaimedMessage message) => new()
    {
        Message = message,
        Next = NextState.Dead,
        Outcome = "reject",
        Reason = $"The process died {message.Deaths} times while it ran this message, the last time while nothing else ran.",
        Cause = "process died",
        Recorded = true,
    };

    /// <summary>
    /// The store refuses this end of an attempt, and always will. The message must not run again and again for that, and a person has to
    /// see why.
    /// </summary>
    public static Settlement NotStored(Settlement refused, Exception why) => new()
    {
        Message = refused.Message,
        Next = NextState.Dead,
        Outcome = "reject",
        SpendsAttempt = true,
        Reason = StoredText.Cut($"The outcome of this attempt ({refused.Outcome}) could not be stored: {why.Message}", MaxReasonLength),
        Cause = StoredText.Cut($"outcome not stored: {CauseOf(why, null)}", MaxCauseLength),
        Error = ErrorOf(why, null),
        Ran = refused.Ran,
        Recorded = true,
    };

    /// <summary>A message this node has no handler for waits, unspent, for a node that has one.</summary>
    public static Settlement WithoutHandler(ClaimedMessage message, string reason) => new()
    {
        Message = message, Next = NextState.Waiting, Outcome = "snooze", Delay = UnreadableDelay, Reason = reason, Recorded = false,
    };

    /// <summary>A message that has to run alone, and cannot soon on this node, waits, unspent; perhaps another node can run it.</summary>
    public static Settlement NotAlone(ClaimedMessage message, string reason) => new()
    {
        Message = message, Next = NextState.Waiting, Outcome = "snooze", Delay = NotAloneDelay, Reason = reason, Recorded = false,
    };

    /// <summary>
    /// The failure's type and its message with every run of digits and every long hexadecimal word as <c>#</c>, so that failures of one
    /// cause group together.
    /// </summary>
    internal static string CauseOf(Exception? exception, string? reason)
    {
        var text = $"{exception?.GetType().Name ?? "failed"}: {StoredText.Cut(exception?.Message ?? reason, 300)}";
        var cause = new StringBuilder(text.Length);
        foreach (var word in text.Split(' ', '\n', '\r', '\t'))
        {
            if (word.Length == 0) continue;
            if (cause.Length > 0) cause.Append(' ');
            if (IsLongNumber(word)) cause.Append('#');
            else AppendWithoutNumbers(cause, word);
        }

        return StoredText.Cut(cause.ToString(), MaxCauseLength);
    }

    private static bool IsLongNumber(string word) => word.Length >= 16 && word.Any(char.IsAsciiDigit)
        && word.Trim('"', '\'', '(', ')', ',', '.', ':').All(c => char.IsAsciiHexDigit(c) || c == '-');

    private static void AppendWithoutNumbers(StringBuilder cause, string word)
    {
        foreach (var c in word)
        {
            if (!char.IsAsciiDigit(c)) cause.Append(c);
            else if (cause.Length == 0 || cause[^1] != '#') cause.Append('#');
        }
    }

    private static string? ErrorOf(Exception? exception, string? reason) => StoredText.Cut(exception?.ToString() ?? reason, MaxErrorLength);

    private static TimeSpan Longer(TimeSpan delay, TimeSpan? after) => Shorter(after > delay ? after.Value : delay, Retry.LongestDelay);

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
