using Microsoft.Extensions.Logging;

namespace Surety.AspNetCore;

/// <summary>Everything this package logs. Never a key, a body or a header's value.</summary>
internal static partial class Log
{
    [LoggerMessage(3001, LogLevel.Debug, "Refused a request to {Path}: {Reason}")]
    public static partial void RequestRefused(this ILogger logger, string path, string reason);

    [LoggerMessage(3002, LogLevel.Error, "A request to {Path} failed")]
    public static partial void RequestFailed(this ILogger logger, Exception exception, string path);

    [LoggerMessage(3003, LogLevel.Warning, "A request to {Path} was answered with 503")]
    public static partial void CommandFailed(this ILogger logger, Exception exception, string path);

    [LoggerMessage(3004, LogLevel.Warning, "A rollback failed; the store undoes the transaction when it drops the connection")]
    public static partial void RollbackFailed(this ILogger logger, Exception exception);

    [LoggerMessage(3005, LogLevel.Warning, "A commit is in doubt; looking its idempotency key up")]
    public static partial void CommitInDoubt(this ILogger logger, Exception exception);

    [LoggerMessage(3006, LogLevel.Warning, "Looking up the idempotency key of a commit in doubt failed; attempt {Attempt}")]
    public static partial void LookupFailed(this ILogger logger, Exception exception, int attempt);

    [LoggerMessage(3007, LogLevel.Warning, "The development API key is active: anybody who knows it is an operator here")]
    public static partial void DevelopmentKeyActive(this ILogger logger);

    [LoggerMessage(3010, LogLevel.Information, "When API keys were used last could not be noted; it is tried again within a minute")]
    public static partial void UsesNotNoted(this ILogger logger, Exception exception);

    [LoggerMessage(
        3009, LogLevel.Warning,
        "The quota {Quota} cannot be counted over all nodes, because the store does not answer; until it does: {Fallback}")]
    public static partial void QuotaStoreAway(this ILogger logger, Exception exception, string quota, QuotaFallback fallback);

    [LoggerMessage(3011, LogLevel.Error, "Watching job {Job} for its event streams failed; their clients come back")]
    public static partial void WatchFailed(this ILogger logger, Exception exception, MessageId job);

    [LoggerMessage(3008, LogLevel.Information, "Not ready any more; serving for another {Delay} so that balancers notice")]
    public static partial void StopDelayed(this ILogger logger, TimeSpan delay);

    [LoggerMessage(
        3050, LogLevel.Warning,
        "{Endpoint} is not in the OpenAPI document: map it with a method whose signature says what it takes, or mark it "
            + "ExcludeFromDescription()")]
    public static partial void Undescribed(this ILogger logger, string endpoint);
}
