using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Timeout;

namespace Surety.Outgoing;

/// <summary>The outermost handler of a client: it says what a call that failed in the end means, or lets the fallback answer it.</summary>
internal sealed class OutgoingHandler(string client, OutgoingOptions options) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await base.SendAsync(request, cancellationToken);
            return Repetition.IsTransient(answer.StatusCode) && Fallback(request, null) is { } instead ? instead : answer;
        }
        catch (RateLimiterRejectedException full)
        {
            return Fallback(request, null) ?? throw new CallNotSentException(
                $"{options.MaxConcurrency} calls of {client} are under way already, so this one was not sent.", null, full);
        }
        catch (Exception e) when (e is BrokenCircuitException or TimeoutRejectedException or HttpRequestException)
        {
            return Fallback(request, e) ?? throw Translated(e);
        }
    }

    private HttpResponseMessage? Fallback(HttpRequestMessage request, Exception? failure) => options.Fallback?.Invoke(request, failure);

    // A time-out must not look like a cancellation: nobody cancelled.
    private Exception Translated(Exception failure) => failure switch
    {
        BrokenCircuitException broken => new CallNotSentException(
            $"Calls of {client} are not sent for a while, because most of the last ones failed.", broken.RetryAfter, broken),
        TimeoutRejectedException late => new HttpRequestException(
            $"A call of {client} had no answer within {late.Timeout.TotalSeconds} s.", new TimeoutException(late.Message, late)),
        _ => failure,
    };
}
