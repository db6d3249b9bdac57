using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Surety.AspNetCore.Security;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// What a request asks. A record carries the version of the rule that made its fingerprint, and is compared by that rule, so that answers
/// which were stored before a rule changed are found as before.
/// </summary>
/// <param name="current">The digest by today's rule.</param>
/// <param name="first">Makes the digest by the first rule. Rarely needed, so made when it is.</param>
internal sealed class Fingerprint(byte[] current, Func<byte[]> first)
{
    // Records of the first rule have the 32 bytes of a digest, and nothing else.
    private const byte Version = 2;

    /// <summary>As the record keeps it: the version, then the digest.</summary>
    public byte[] Bytes { get; } = [Version, .. current];

    public bool Matches(ReadOnlyMemory<byte> recorded) => recorded.Span.SequenceEqual(recorded.Length == current.Length ? first() : Bytes);

    /// <summary>Method, host, address with query, content type and body; of a form, its parts and not what separates them.</summary>
    public static async Task<Fingerprint> OfAsync(HttpRequest request, MemoryStream body)
    {
        var target = request.PathBase.Add(request.Path).ToUriComponent() + request.QueryString.ToUriComponent();
        var asSent = request.ContentType ?? "";
        var (type, content) = await FormAsync(asSent, body) ?? (asSent, body.GetBuffer().AsMemory(0, (int)body.Length));
        return new Fingerprint(
            Digest.Of(content.Span, request.Method, Host(request), target, type),
            () => Digest.Of(body.GetBuffer().AsSpan(0, (int)body.Length), request.Method, target, asSent));
    }

    /// <summary>Of an upload in a form: the host, and the file's own digest, since that is all that is left of the body.</summary>
    public static Fingerprint OfFile(HttpRequest request, ReadOnlyMemory<byte> sha256) =>
        new(Digest.Of(sha256.Span, Host(request)), sha256.ToArray);

    // Without the port: a client may find the same host behind another one, as behind a tunnel.
    private static string Host(HttpRequest request) => request.Host.Host.ToUpperInvariant();

    /// <summary>
    /// A client that sends its form again may separate its parts by another boundary. Null when it is no form, or not a whole one.
    /// </summary>
    private static async Task<(string Type, ReadOnlyMemory<byte> Content)?> FormAsync(string contentType, MemoryStream body)
    {
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type) || !type.Type.Equals("multipart", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 } boundary) return null;
        try
        {
            using var again = new MemoryStream(body.GetBuffer(), 0, (int)body.Length, writable: false);
            var content = await PartsAsync(new MultipartReader(boundary.ToString(), again));
            type.Boundary = default;
            return (type.ToString(), content);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The digest of each part, one behind the other: of its headers, and of its content's own digest.</summary>
    private static async Task<byte[]> PartsAsync(MultipartReader reader)
    {
        var parts = new List<byte>();
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            var headers = (section.Headers ?? []).Select(h => $"{h.Key}: {h.Value}").Order(StringComparer.Ordinal);
            parts.AddRange(Digest.Of(await SHA256.HashDataAsync(section.Body), [.. headers]));
        }

        return [.. parts];
    }
}
