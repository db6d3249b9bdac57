using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.AspNetCore.Idempotency;

/// <summary>Reads a request's whole body into memory, bounded, so that a slow client holds up nobody but itself.</summary>
internal static class RequestBody
{
    /// <summary>
    /// The server's own least rate of 240 bytes a second bounds how long a body of this size takes. Of a larger one that rate, which counts
    /// from the beginning, allows to stand still for an hour.
    /// </summary>
    public const int SmallBytes = 16_384;

    /// <summary>The body, positioned at its start. It is also the request's body from now on.</summary>
    /// <exception cref="BadHttpRequestException">
    /// It is too large, did not come in time, is ill-framed, or there is no room for it now.
    /// </exception>
    public static async Task<MemoryStream> BufferAsync(HttpContext http, EdgeOptions options, TimeProvider time)
    {
        if (http.Request.ContentLength <= SmallBytes) return await BufferAsync(http, options.MaxBodyBytes, http.RequestAborted);
        using var limit = new CancellationTokenSource(options.RequestTimeout, time);
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, limit.Token);
        try
        {
            return await BufferAsync(http, options.MaxBodyBytes, reading.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !http.RequestAborted.IsCancellationRequested)
        {
            throw new BadHttpRequestException(
                $"The body did not come within {options.RequestTimeout}.", StatusCodes.Status408RequestTimeout, e);
        }
    }

    private static async Task<MemoryStream> BufferAsync(HttpContext http, int defaultLimit, CancellationToken cancel)
    {
        // Kestrel counts too; a server that does not is held to the same limit.
        var limit = (int)Math.Min(http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize ?? defaultLimit, int.MaxValue);
        var announced = http.Request.ContentLength;
        if (announced > limit) throw TooLarge(limit);

        // What was announced need not come: memory follows what did.
        var body = new BufferedBody(http.RequestServices.GetRequiredService<BodyRoom>(), (int)Math.Min(announced ?? 0, SmallBytes));
        try
        {
            var chunk = new byte[(int)Math.Clamp(announced ?? SmallBytes, 1, SmallBytes)];
            int read;
            while ((read = await http.Request.Body.ReadAsync(chunk, cancel)) > 0)
            {
                if (body.Length + read > limit) throw TooLarge(limit);
                body.Add(chunk.AsSpan(0, read));
            }
        }
        catch
        {
            await body.DisposeAsync();
            throw;
        }

        body.Position = 0;
        http.Request.Body = body;
        return body;
    }

    private static BadHttpRequestException TooLarge(int limit) =>
        new($"The body is larger than {limit} bytes.", StatusCodes.Status413PayloadTooLarge);
}
