using System.Net;
using Polly;
using Polly.Timeout;

namespace Surety.Outgoing;

/// <summary>What of a call may be sent again, and how. Pure.</summary>
internal static class Repetition
{
    public static bool IsFailure(Outcome<HttpResponseMessage> outcome) =>
        outcome.Exception is HttpRequestException or TimeoutRejectedException
        || (outcome.Result is { } answer && IsTransient(answer.StatusCode));

    /// <summary>Fewer than the framework's: 501 and 505, for instance, will not be other when they are asked for again.</summary>
    public static bool IsTransient(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
        or HttpStatusCode.GatewayTimeout;

    /// <summary>Being told to slow down is no illness of the other side.</summary>
    public static bool IsIllness(Outcome<HttpResponseMessage> outcome) =>
        IsFailure(outcome) && outcome.Result?.StatusCode != HttpStatusCode.TooManyRequests;

    /// <summary>Whether a call is sent a second time while the first has not answered, in place of after it.</summary>
    public static bool IsHedged(OutgoingOptions options, ResilienceContext context) =>
        options.HedgeAfter is not null && context.GetRequestMessage() is { Content: null } request && IsRead(request);

    public static bool MayRepeat(
        OutgoingOptions options, TimeProvider time, ResilienceContext context, Outcome<HttpResponseMessage> outcome)
    {
        if (!IsFailure(outcome) || IsHedged(options, context)) return false;
        if (outcome.Result is { } answer && RetryAfter(answer, time) >= options.TotalTimeout) return false;
        return WasNotSent(outcome.Exception) || context.GetRequestMessage() is { } request && IsRepeatable(request);
    }

    /// <summary>How long the other side asks to wait; null when it does not say.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer, TimeProvider time) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow() is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero,
        _ => null,
    };

    private static bool WasNotSent(Exception? failure) => failure is HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError,
    };

    private static bool IsRepeatable(HttpRequestMessage request) =>
        IsRead(request) || request.Method == HttpMethod.Put || request.Method == HttpMethod.Delete || request.Method == HttpMethod.Options
        || request.Headers.Contains("Idempotency-Key");

    private static bool IsRead(HttpRequestMessage request) => request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
}
