using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Lists;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Security;

namespace Surety;

/// <summary>
/// Lists in pages: <c>?pageSize=&amp;pageToken=</c> in, <c>{items, nextPageToken}</c> and <c>Link: rel="next"</c> out. A page begins behind
/// a row, not at a number of rows, so what is added meanwhile shifts nothing. The token is signed, and holds for the caller, the address
/// and every other parameter of the query (filters, sorting) it was made for.
/// </summary>
public static class Paging
{
    internal const string Token = "pageToken";
    internal const string Size = "pageSize";
    private const int MostPosition = 200;
    private const int SignatureBytes = 16;

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>Reads where the page begins.</summary>
    /// <param name="http">The request.</param>
    /// <param name="pageToken">What the client sent; null for the first page.</param>
    /// <param name="after">
    /// The position that was given to <see cref="Page{T}(HttpContext, IReadOnlyList{T}, string?)"/> with the page before; null for the
    /// first page.
    /// </param>
    /// <returns>
    /// Null, or the answer to a token that was not made for this caller and this list, was changed, or is older than 24 h: 400
    /// <c>cursor-invalid</c>.
    /// </returns>
    public static IResult? Read(HttpContext http, string? pageToken, out string? after)
    {
        ArgumentNullException.ThrowIfNull(http);
        after = null;
        if (pageToken is null) return null;
        after = Open(http, pageToken);
        return after is null
            ? HttpProblem.Of(
                400, ProblemCodes.CursorInvalid,
                "pageToken is not one that this list gave to this caller for this query, or is older than 24 h. Begin again without it.")
            : null;
    }

    /// <summary>Answers with one page.</summary>
    /// <param name="http">The request.</param>
    /// <param name="items">The page's items.</param>
    /// <param name="next">
    /// Where the next page begins: the sort key of this one's last row, at most 200 characters. Not secret: a client can read it. Null on
    /// the last page.
    /// </param>
    public static IResult Page<T>(HttpContext http, IReadOnlyList<T> items, string? next) => Page(http, items, next, null);

    internal static IResult Page<T>(HttpContext http, IReadOnlyList<T> items, string? next, JsonSerializerOptions? json)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(items);
        if (next?.Length > MostPosition)
            throw new ArgumentException(
                $"A page's position is at most {MostPosition} characters; this one has {next.Length}. "
                + "Give the last row's key, not the row.",
                nameof(next));
        var token = next is null ? null : Seal(http, next);
        if (token is not null) http.Response.Headers.Append("Link", $"<{NextAddress(http.Request, token)}>; rel=\"next\"");
        return Results.Json(new PageOf<T>(items, token), json);
    }

    /// <summary>
    /// Says that the endpoint answers with a page of these, as <see cref="Paging"/> does. It stands in the document; nothing else changes.
    /// </summary>
    /// <param name="endpoint">The endpoint.</param>
    public static RouteHandlerBuilder ProducesPage<T>(this RouteHandlerBuilder endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return endpoint.Answers(200, typeof(PageOf<T>)).Describe(PageOperations.Describe);
    }

    private static string Seal(HttpContext http, string position)
    {
        var text = Encoding.UTF8.GetBytes(position);
        var token = new byte[SignatureBytes + sizeof(long) + text.Length];
        BinaryPrimitives.WriteInt64BigEndian(token.AsSpan(SignatureBytes), Now(http).ToUnixTimeSeconds());
        text.CopyTo(token.AsSpan(SignatureBytes + sizeof(long)));
        Sign(http, token.AsSpan(SignatureBytes)).CopyTo(token.AsSpan());
        return Base64Url.EncodeToString(token);
    }

    private static string? Open(HttpContext http, string token)
    {
        if (token.Length > 2 * (MostPosition * 3 + SignatureBytes + sizeof(long)) || !Base64Url.IsValid(token)) return null;
        var bytes = Base64Url.DecodeFromChars(token).AsSpan();
        if (bytes.Length < SignatureBytes + sizeof(long)) return null;
        var said = bytes[SignatureBytes..];
        if (!CryptographicOperations.FixedTimeEquals(bytes[..SignatureBytes], Sign(http, said))) return null;
        var made = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(said));
        return Now(http) - made <= Lifetime ? Encoding.UTF8.GetString(said[sizeof(long)..]) : null;
    }

    private static ReadOnlySpan<byte> Sign(HttpContext http, ReadOnlySpan<byte> said)
    {
        var request = http.Request;
        var query = request.Query.Where(q => !IsOurs(q.Key)).SelectMany(
            q => q.Value, (q, value) => $"{Uri.EscapeDataString(q.Key)}={Uri.EscapeDataString(value ?? "")}").Order(StringComparer.Ordinal);
        var signatures = http.RequestServices.GetRequiredService<Signatures>();
        return signatures.Sign(
            "page", http.User.Principal(), request.PathBase.Add(request.Path).ToUriComponent(), string.Join('&', query),
            Convert.ToHexString(said)).AsSpan(0, SignatureBytes);
    }

    private static string NextAddress(HttpRequest request, string token)
    {
        var query = new QueryBuilder(
            request.Query.Where(q => !q.Key.Equals(Token, StringComparison.OrdinalIgnoreCase))
                .SelectMany(q => q.Value, (q, value) => KeyValuePair.Create(q.Key, value ?? ""))) { { Token, token } };
        return request.PathBase.Add(request.Path).ToUriComponent() + query.ToQueryString().ToUriComponent();
    }

    private static bool IsOurs(string name) =>
        name.Equals(Token, StringComparison.OrdinalIgnoreCase) || name.Equals(Size, StringComparison.OrdinalIgnoreCase);

    private static DateTimeOffset Now(HttpContext http) => http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
}
