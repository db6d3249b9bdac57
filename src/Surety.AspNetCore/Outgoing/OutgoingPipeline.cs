using System.Net;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Hedging;
using Polly.Retry;
using Polly.Timeout;

namespace Surety.AspNetCore;

/// <summary>
/// One client's pipeline, from the outside in: bulkhead, total time limit, retry (or hedge), circuit breaker, time limit of the attempt.
/// </summary>
internal sealed class OutgoingPipeline
{
    private static readonly ResiliencePropertyKey<HttpRequestMessage> Request = new("surety.request");

    private readonly string name;
    private readonly OutgoingOptions options;
    private readonly TimeProvider time;
    private readonly CircuitBreakerStateProvider circuit = new();
    private readonly ConcurrencyLimiter bulkhead;
    private readonly ResiliencePipeline<HttpResponseMessage> retrying;
    private readonly ResiliencePipeline<HttpResponseMessage>? hedging;

    public OutgoingPipeline(string name, OutgoingOptions options, TimeProvider time, ILogger logger)
    {
        (this.name, this.options, this.time) = (name, options, time);
        bulkhead = new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = options.MaxConcurrency, QueueLimit = 0 });
        var attempt = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = options.BreakAt, MinimumThroughput = options.BreakAfter, SamplingDuration = options.BreakWindow, BreakDuration = options.BreakFor, StateProvider = circuit,
                // Being told to slow down is no illness.
                ShouldHandle = arguments => new(IsFailure(arguments.Outcome) && arguments.Outcome.Result?.StatusCode != HttpStatusCode.TooManyRequests),
                OnOpened = _ =>
                {
                    logger.CircuitOpened(name, options.BreakFor);
                    return default;
                },
                OnClosed = _ =>
                {
                    logger.CircuitClosed(name);
                    return default;
                },
            })
            .AddTimeout(options.AttemptTimeout)
            .Build();
        var whole = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }.AddTimeout(options.TotalTimeout);
        if (options.Attempts > 1)
        {
            whole.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = options.Attempts - 1, BackoffType = DelayBackoffType.Exponential, UseJitter = true, Delay = options.Backoff,
                ShouldHandle = arguments => new(MayRepeat(arguments.Context.Properties.GetValue(Request, null!), arguments.Outcome)),
                DelayGenerator = arguments => new(arguments.Outcome.Result is { } answer ? RetryAfter(answer) : null),
                OnRetry = arguments =>
                {
                    arguments.Outcome.Result?.Dispose();
                    return default;
                },
            });
        }

        retrying = whole.AddPipeline(attempt).Build();
        if (options.HedgeAfter is { } after)
        {
            hedging = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }.AddTimeout(options.TotalTimeout)
                .AddHedging(new HedgingStrategyOptions<HttpResponseMessage> { MaxHedgedAttempts = 1, Delay = after, ShouldHandle = arguments => new(IsFailure(arguments.Outcome)) })
                .AddPipeline(attempt).Build();
        }
    }

    public bool IsOpen => circuit.CircuitState is CircuitState.Open or CircuitState.Isolated;

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancel)
    {
        using var place = bulkhead.AttemptAcquire();
        if (!place.IsAcquired) return Fallback(request, null) ?? throw new CallNotSentException($"{options.MaxConcurrency} calls of {name} are under way already, so this one was not sent.", null, null);
        // Read once, so that it can be sent again.
        if (request.Content is { } content) await content.LoadIntoBufferAsync(cancel);
        var context = ResilienceContextPool.Shared.Get(cancel);
        context.Properties.Set(Request, request);
        try
        {
            var pipeline = hedging is not null && request.Content is null && (request.Method == HttpMethod.Get || request.Method == HttpMethod.Head) ? hedging : retrying;
            var answer = await pipeline.ExecuteAsync(static async (c, state) => await state.self.AttemptAsync(state.request, state.send, c.CancellationToken), context, (self: this, request, send));
            return IsTransient(answer.StatusCode) && Fallback(request, null) is { } instead ? instead : answer;
        }
        catch (Exception e) when (e is BrokenCircuitException or TimeoutRejectedException or HttpRequestException)
        {
            return Fallback(request, e) ?? throw Translated(e);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private async Task<HttpResponseMessage> AttemptAsync(HttpRequestMessage request, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancel)
    {
        var how = "failed";
        try
        {
            var answer = await send(Copy(request), cancel);
            how = ((int)answer.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
            return answer;
        }
        finally
        {
            OutgoingCalls.Ended(name, how);
        }
    }

    /// <summary>A message may be on its way once only, and hedged ones are so twice. The content is in memory and may be shared.</summary>
    private static HttpRequestMessage Copy(HttpRequestMessage request)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri) { Content = request.Content, Version = request.Version, VersionPolicy = request.VersionPolicy };
        foreach (var (header, values) in request.Headers.NonValidated) copy.Headers.TryAddWithoutValidation(header, values);
        foreach (var (option, value) in request.Options) ((IDictionary<string, object?>)copy.Options)[option] = value;
        return copy;
    }

    private bool MayRepeat(HttpRequestMessage request, Outcome<HttpResponseMessage> outcome)
    {
        if (!IsFailure(outcome)) return false;
        if (outcome.Result is { } answer && RetryAfter(answer) >= options.TotalTimeout) return false;
        return outcome.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError }
            || request.Method == HttpMethod.Get || request.Method == HttpMethod.Head || request.Method == HttpMethod.Put || request.Method == HttpMethod.Delete || request.Method == HttpMethod.Options
            || request.Headers.Contains("Idempotency-Key");
    }

    private static bool IsFailure(Outcome<HttpResponseMessage> outcome) => outcome.Exception is HttpRequestException or TimeoutRejectedException || (outcome.Result is { } answer && IsTransient(answer.StatusCode));

    private static bool IsTransient(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError
        or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    private TimeSpan? RetryAfter(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow() is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero,
        _ => null,
    };

    private HttpResponseMessage? Fallback(HttpRequestMessage request, Exception? failure) => options.Fallback?.Invoke(request, failure);

    // A time-out must not look like a cancellation: nobody cancelled.
    private Exception Translated(Exception failure) => failure switch
    {
        BrokenCircuitException broken => new CallNotSentException($"Calls of {name} are not sent for a while, because most of the last ones failed.", broken.RetryAfter, broken),
        TimeoutRejectedException late => new HttpRequestException($"A call of {name} had no answer within {late.Timeout.TotalSeconds} s.", new TimeoutException(late.Message, late)),
        _ => failure,
    };
}

/// <summary>Sends a client's calls through its pipeline.</summary>
internal sealed class OutgoingHandler(OutgoingPipeline pipeline) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => pipeline.SendAsync(request, base.SendAsync, cancellationToken);
}
