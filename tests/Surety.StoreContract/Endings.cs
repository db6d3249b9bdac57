using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>The settlements the core makes, by the outcome they stand for.</summary>
internal static class Endings
{
    public static readonly TimeSpan Retention = TimeSpan.FromDays(1);

    public static Settlement Done(this ClaimedMessage message, JobResult? result = null) => new()
    {
        Message = message, Next = NextState.Succeeded, Outcome = "done",
            SpendsAttempt = true, Recorded = message.Tracked, Result = result, KeepFor = Retention,
    };

    public static Settlement Retry(this ClaimedMessage message, TimeSpan delay, string reason = "busy") => new()
    {
        Message = message, Next = NextState.Waiting, Outcome = "retry", SpendsAttempt = true,
            Delay = delay, Reason = reason, Cause = $"failed: {reason}", Error = $"{reason}, at length", Recorded = true,
    };

    public static Settlement Snooze(this ClaimedMessage message, TimeSpan delay, string reason = "not yet") => new()
    {
        Message = message, Next = NextState.Waiting, Outcome = "snooze", Delay = delay, Reason = reason, Recorded = true,
    };

    public static Settlement HandBack(this ClaimedMessage message) => new()
    {
        Message = message, Next = NextState.Waiting, Outcome = "handback",
    };

    public static Settlement Reject(this ClaimedMessage message, string reason = "bad account") => new()
    {
        Message = message, Next = NextState.Dead, Outcome = "reject",
            SpendsAttempt = true, Reason = reason, Cause = $"failed: {reason}", Error = $"{reason}, at length", Recorded = true,
    };

    public static Settlement Cancelled(this ClaimedMessage message, string? reason = "withdrawn") => new()
    {
        Message = message, Next = NextState.Cancelled, Outcome = "cancel",
            SpendsAttempt = true, Reason = reason, Recorded = true, KeepFor = Retention,
    };
}
