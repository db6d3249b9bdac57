using Microsoft.AspNetCore.Http;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>The answer of a command as its key's record keeps it.</summary>
internal static class KeptAnswer
{
    private static readonly string[] Headers =
    [
        "Content-Type", "Location", "Content-Location", "ETag", "Last-Modified", "Retry-After", "Link", "Content-Language", "Cache-Control",
        "Content-Disposition",
    ];

    public static KeyRecord Of(HttpResponse response, AnswerBuffer answer, CommandKey key, TimeSpan keep)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in Headers)
            if (response.Headers.TryGetValue(name, out var value) && value.Count > 0) headers[name] = value.ToString();
        return new KeyRecord(new StoredAnswer(response.StatusCode, headers, answer.Written), key.Fingerprint.Bytes, keep);
    }

    /// <summary>Another answer takes the place of this one.</summary>
    public static void Discard(HttpResponse response)
    {
        foreach (var name in Headers) response.Headers.Remove(name);
    }
}
