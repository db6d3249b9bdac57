using Microsoft.Extensions.Logging;
using Surety.Storage;

namespace Surety.Telemetry;

/// <summary>Every line this library logs, with stable event ids. Payloads and secrets never appear.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Store open: {Detail}")]
    public static partial void StoreOpened(ILogger log, string detail);

    [LoggerMessage(2, LogLevel.Information, "Working as node {Node} ({Name})")]
    public static partial void Joined(ILogger log, NodeId node, string name);

    [LoggerMessage(3, LogLevel.Information, "Another process works on this store; this one enqueues only, and takes over when "
        + "the other ends")]
    public static partial void StandingBy(ILogger log);

    [LoggerMessage(4, LogLevel.Warning, "Node {Node} was presumed dead while it lived; its attempts are stopped and it joins anew")]
    public static partial void PresumedDead(ILogger log, NodeId node);

    [LoggerMessage(5, LogLevel.Warning, "The heartbeat failed; tried again until the lease runs out")]
    public static partial void HeartbeatFailed(ILogger log, Exception exception);

    [LoggerMessage(6, LogLevel.Information, "Draining: {Running} attempts run, {HandedBack} messages handed back")]
    public static partial void Draining(ILogger log, int running, int handedBack);

    [LoggerMessage(7, LogLevel.Warning, "{Running} attempts still ran after the drain limit of {Limit}; they are cancelled "
        + "and handed back")]
    public static partial void DrainLimitPassed(ILogger log, int running, TimeSpan limit);

    [LoggerMessage(8, LogLevel.Information, "Drained in {Milliseconds:0} ms")]
    public static partial void Drained(ILogger log, double milliseconds);

    [LoggerMessage(9, LogLevel.Information, "Node {Node} left")]
    public static partial void Left(ILogger log, NodeId node);

    [LoggerMessage(10, LogLevel.Warning, "Node {Node} could not leave; its lease runs out by itself")]
    public static partial void LeaveFailed(ILogger log, Exception exception, NodeId node);

    [LoggerMessage(11, LogLevel.Error, "The {Loop} loop failed and is started again; further failures are silent until it recovers")]
    public static partial void LoopFailed(ILogger log, Exception exception, string loop);

    [LoggerMessage(12, LogLevel.Information, "The {Loop} loop has recovered")]
    public static partial void LoopRecovered(ILogger log, string loop);

    [LoggerMessage(13, LogLevel.Warning, "A claim's commit is in doubt: the node hands back what it may hold without knowing "
        + "it, and goes on")]
    public static partial void ClaimInDoubt(ILogger log, Exception exception);

    [LoggerMessage(14, LogLevel.Error, "The database is away, or takes no work; what it fails waits, unspent, and further failures are "
        + "silent until it is back: {Reason}")]
    public static partial void DatabaseAway(ILogger log, string reason);

    [LoggerMessage(15, LogLevel.Information, "The database is back after {Seconds:0} s; it failed {Failures} times")]
    public static partial void DatabaseBack(ILogger log, double seconds, long failures);

    [LoggerMessage(20, LogLevel.Warning, "{Kind} {MessageId} failed in {Queue}, attempt {Attempt} of {MaxAttempts}")]
    public static partial void AttemptFailed(
        ILogger log, Exception exception, MessageId messageId, string kind, string queue, int attempt, int maxAttempts);

    [LoggerMessage(21, LogLevel.Error, "{Kind} {MessageId} in {Queue} is given up and kept as a dead letter: {Reason}")]
    public static partial void Dead(ILogger log, MessageId messageId, string kind, string queue, string? reason);

    [LoggerMessage(22, LogLevel.Error, "An attempt at {Kind} broke outside its handler")]
    public static partial void AttemptBroke(ILogger log, Exception exception, string kind);

    [LoggerMessage(23, LogLevel.Error, "{Kind} {MessageId} is not run again: the process died {Deaths} times while it ran")]
    public static partial void GivenUpAfterDeaths(ILogger log, MessageId messageId, string kind, int deaths);

    [LoggerMessage(24, LogLevel.Error, "The handler of {Kind} {MessageId} still runs {Patience} after it was asked to stop; its slot is "
        + "given away. Pass its cancellation token on")]
    public static partial void HandlerIgnoresToken(ILogger log, MessageId messageId, string kind, TimeSpan patience);

    [LoggerMessage(25, LogLevel.Error, "The follow-up of {Kind} {MessageId} could not be made; the message is given up without it")]
    public static partial void FollowUpFailed(ILogger log, Exception exception, MessageId messageId, string kind);

    [LoggerMessage(26, LogLevel.Warning, "{Kind} {MessageId}: claim {ClaimNumber} was lost, so its end ({Outcome}) changed nothing")]
    public static partial void ClaimLost(ILogger log, MessageId messageId, string kind, long claimNumber, string outcome);

    [LoggerMessage(27, LogLevel.Error, "{Count} settlements could not be stored; tried again until they are")]
    public static partial void SettlingFailed(ILogger log, Exception exception, int count);

    [LoggerMessage(28, LogLevel.Information, "Settlements are stored again")]
    public static partial void SettlingResumed(ILogger log);

    [LoggerMessage(50, LogLevel.Warning, "{Kind} {MessageId} in {Queue} runs alone on this node: its process died {Deaths} times, and "
        + "one more death while nothing else runs ends it")]
    public static partial void RunsAlone(ILogger log, MessageId messageId, string kind, string queue, int deaths);

    [LoggerMessage(51, LogLevel.Error, "{Kind} {MessageId} is given up and kept as a dead letter: the store refuses the outcome of its "
        + "attempt ({Outcome}), and always will")]
    public static partial void OutcomeNotStored(ILogger log, Exception exception, MessageId messageId, string kind, string outcome);

    [LoggerMessage(52, LogLevel.Warning, "A progress report of message {MessageId} is dropped: the store refuses it")]
    public static partial void ReportRefused(ILogger log, Exception exception, MessageId messageId);

    [LoggerMessage(30, LogLevel.Warning, "Rescued {Rescued} messages; nodes presumed dead: {Nodes}")]
    public static partial void Rescued(ILogger log, int rescued, string nodes);

    [LoggerMessage(31, LogLevel.Information, "Pruned {Count} finished messages, idempotency records, quota counts and ended API keys")]
    public static partial void Pruned(ILogger log, long count);

    [LoggerMessage(40, LogLevel.Information, "Deleted the content of {Count} uploads that expired or whose message was handled")]
    public static partial void UploadsSwept(ILogger log, int count);

    [LoggerMessage(41, LogLevel.Warning, "Deleted a blob that no upload knows of ({Id}…)")]
    public static partial void OrphanDeleted(ILogger log, string id);

    [LoggerMessage(43, LogLevel.Warning, "Uploads that are over could not be deleted; tried again, and silent until it works")]
    public static partial void SweepFailed(ILogger log, Exception exception);

    [LoggerMessage(42, LogLevel.Information, "Uploads are kept in {Place}")]
    public static partial void BlobsOpened(ILogger log, string place);

    [LoggerMessage(32, LogLevel.Warning, "To look at: {Reason}")]
    public static partial void Degraded(ILogger log, string reason);
}
