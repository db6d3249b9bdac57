using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Surety.AspNetCore;

/// <summary>Reads a request's whole body into memory, bounded, so that a slow client holds up nobody but itself.</summary>
internal static class RequestBody
{
    /// <summary>The body, positioned at its start. It is also the request's body from now on.</summary>
    public static async Task<MemoryStream> BufferAsync(HttpContext http, int defaultLimit)
    {
        // Kestrel counts too; a server that does not is held to the same limit.
        var limit = (int)Math.Min(http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize ?? defaultLimit, int.MaxValue);
        var announced = http.Request.ContentLength;
        if (announced > limit) throw TooLarge(limit);

        // What was announced need not come: memory follows what did.
        var body = new MemoryStream((int)Math.Min(announced ?? 0, 65_536));
        var chunk = new byte[(int)Math.Clamp(announced ?? 16_384, 1, 16_384)];
        int read;
        while ((read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted)) > 0)
        {
            if (body.Length + read > limit) throw TooLarge(limit);
            body.Write(chunk, 0, read);
        }

        body.Position = 0;
        http.Request.Body = body;
        return body;
    }

    private static BadHttpRequestException TooLarge(int limit) => new($"The body is larger than {limit} bytes.", StatusCodes.Status413PayloadTooLarge);
}
