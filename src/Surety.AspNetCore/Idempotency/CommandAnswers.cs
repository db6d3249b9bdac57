using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>The handler's own answer; status and headers are on the response already.</summary>
internal sealed class HeldAnswer(ReadOnlyMemory<byte> body) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => SendAsync(httpContext.Response, body);

    /// <summary>The last step: the first byte goes out.</summary>
    public static async Task SendAsync(HttpResponse response, ReadOnlyMemory<byte> body)
    {
        var http = response.HttpContext;
        if (await http.RequestServices.GetRequiredService<IPreferredAnswer>().InsteadAsync(http) is { } instead)
        {
            await instead.ExecuteAsync(http);
            return;
        }

        if (body.IsEmpty || EndsWithItsHeaders(response.StatusCode)) return;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body);
    }

    /// <summary>A body that the handler wrote all the same could not be sent.</summary>
    private static bool EndsWithItsHeaders(int status) =>
        status is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified;
}

/// <summary>The answer that a request with the same key got before.</summary>
internal sealed class RepeatedAnswer(StoredAnswer stored) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = stored.Status;
        foreach (var (name, value) in stored.Headers) response.Headers[name] = value;
        response.Headers["Idempotent-Replayed"] = "true";
        return HeldAnswer.SendAsync(response, stored.Body);
    }
}
