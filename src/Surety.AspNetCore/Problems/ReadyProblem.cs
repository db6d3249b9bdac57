using System.Diagnostics;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// A problem that is sent thousands of times a second just when there is no time for it: written beforehand, but for the two members that
/// differ from answer to answer.
/// </summary>
internal sealed class ReadyProblem
{
    /// <summary>Stand for what is put in their place.</summary>
    public const string Instance = "INSTANCE", Trace = "TRACE";

    private static readonly JavaScriptEncoder Escaping = EdgeJson.Own.Encoder ?? JavaScriptEncoder.Default;

    private readonly int status;
    private readonly byte[] start;
    private readonly byte[] middle;
    private readonly byte[] end;

    /// <param name="status">Its status.</param>
    /// <param name="text">All of it as JSON, with the two words in their places, <see cref="Instance"/> first.</param>
    public ReadyProblem(int status, ReadOnlySpan<byte> text)
    {
        this.status = status;
        var (instance, trace) = (text.IndexOf("\"INSTANCE\""u8) + 1, text.IndexOf("\"TRACE\""u8) + 1);
        start = text[..instance].ToArray();
        middle = text[(instance + Instance.Length)..trace].ToArray();
        end = text[(trace + Trace.Length)..].ToArray();
    }

    public Task SendAsync(HttpContext http)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        if (HttpMethods.IsHead(http.Request.Method)) return Task.CompletedTask;
        var bytes = Written(http.Request.PathBase.Add(http.Request.Path).ToUriComponent(), Activity.Current?.TraceId.ToHexString()
            ?? http.TraceIdentifier);
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes, 0, bytes.Length);
    }

    /// <summary>The whole text. Pure.</summary>
    public byte[] Written(string instance, string trace)
    {
        // Returned as they are when there is nothing to escape.
        (instance, trace) = (Escaping.Encode(instance), Escaping.Encode(trace));
        var changing = Encoding.UTF8.GetByteCount(instance) + Encoding.UTF8.GetByteCount(trace);
        var bytes = new byte[start.Length + middle.Length + end.Length + changing];
        var rest = bytes.AsSpan();
        Put(ref rest, start);
        rest = rest[Encoding.UTF8.GetBytes(instance, rest)..];
        Put(ref rest, middle);
        rest = rest[Encoding.UTF8.GetBytes(trace, rest)..];
        Put(ref rest, end);
        return bytes;
    }

    private static void Put(ref Span<byte> rest, byte[] part)
    {
        part.CopyTo(rest);
        rest = rest[part.Length..];
    }
}
