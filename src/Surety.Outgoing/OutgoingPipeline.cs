using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Hedging;

namespace Surety.Outgoing;

/// <summary>
/// The strategies of one client. What is known of the other side lives as long as the host: the framework keeps them by the client's name,
/// while it makes handlers anew every few minutes.
/// </summary>
internal sealed class OutgoingPipeline(string client, OutgoingOptions options, OutgoingCalls calls, TimeProvider time, ILogger logger)
{
    /// <summary>Outside of everything, so that a call that is refused costs nothing.</summary>
    public void AddBulkhead(ResiliencePipelineBuilder<HttpResponseMessage> builder)
    {
        builder.TimeProvider = time;
        builder.AddConcurrencyLimiter(options.MaxConcurrency, queueLimit: 0);
    }

    /// <summary>From the outside in: total time limit, retry (or hedge), circuit breaker, time limit of the attempt.</summary>
    public void AddAttempts(ResiliencePipelineBuilder<HttpResponseMessage> builder)
    {
        builder.TimeProvider = time;
        builder.AddTimeout(options.TotalTimeout);
        if (options.Attempts > 1) builder.AddRetry(Retry());
        if (options.HedgeAfter is { } after) builder.AddHedging(Hedge(after));
        builder.AddCircuitBreaker(Breaker());
        builder.AddTimeout(options.AttemptTimeout);
    }

    private HttpRetryStrategyOptions Retry() => new()
    {
        MaxRetryAttempts = options.Attempts - 1,
        Delay = options.Backoff,
        ShouldHandle = arguments => new(Repetition.MayRepeat(options, time, arguments.Context, arguments.Outcome)),
        DelayGenerator = arguments => new(arguments.Outcome.Result is { } answer ? Repetition.RetryAfter(answer, time) : null),
    };

    private HedgingStrategyOptions<HttpResponseMessage> Hedge(TimeSpan after) => new()
    {
        MaxHedgedAttempts = 1,
        DelayGenerator = arguments => new(Repetition.IsHedged(options, arguments.Context) ? after : Timeout.InfiniteTimeSpan),
        ShouldHandle = arguments => new(
            Repetition.IsHedged(options, arguments.Context) && Repetition.IsFailure(arguments.Outcome)),
    };

    private HttpCircuitBreakerStrategyOptions Breaker() => new()
    {
        FailureRatio = options.BreakAt,
        MinimumThroughput = options.BreakAfter,
        SamplingDuration = options.BreakWindow,
        BreakDuration = options.BreakFor,
        StateProvider = calls.CircuitOf(client),
        ShouldHandle = arguments => new(Repetition.IsIllness(arguments.Outcome)),
        OnOpened = _ =>
        {
            logger.CircuitOpened(client, options.BreakFor);
            return default;
        },
        OnClosed = _ =>
        {
            logger.CircuitClosed(client);
            return default;
        },
    };
}
