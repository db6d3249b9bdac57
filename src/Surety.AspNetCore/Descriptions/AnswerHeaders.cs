using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.Descriptions;

/// <summary>The headers that the edge's answers carry. Each is described once, among the document's components.</summary>
internal static class AnswerHeaders
{
    public const string RateLimit = "RateLimit";
    public const string RateLimitPolicy = "RateLimit-Policy";
    public const string Replayed = "Idempotent-Replayed";
    public const string Location = "Location";
    public const string RetryAfter = "Retry-After";
    public const string ETag = "ETag";
    public const string Link = "Link";

    private static readonly FrozenDictionary<string, Func<OpenApiHeader>> Known = new Dictionary<string, Func<OpenApiHeader>>
    {
        [RateLimit] = () =>
            Text("What is left of each quota that counts this caller, and in how many seconds it is whole again. Sent when a quota counts "
                + "the request.", "\"default\";r=42;t=17"),
        [RateLimitPolicy] = () =>
            Text("The quotas that count this caller: so many requests in a window of so many seconds. "
                + "Sent when a quota counts the request.",
                "\"default\";q=100;w=60"),
        [Replayed] = () =>
            Text("Sent when this is the answer that an earlier request with the same Idempotency-Key got.", "true", "^true$"),
        [Location] = () => Text("The address of what was made, or of the job to follow.", "/jobs/17-0f3a5c7e9b1d2468"),
        [RetryAfter] = () => Number("In how many seconds to ask again, at the earliest.", 1, 1),
        [ETag] = () => Text("The version of what is answered, for If-None-Match and If-Match.", "\"7\""),
        [Link] = () =>
            Text("Related addresses, by RFC 8288: of the next page (rel=\"next\"), of the job that was enqueued (rel=\"status\").",
                "</jobs/17-0f3a5c7e9b1d2468>; rel=\"status\""),
        ["WWW-Authenticate"] = () => Text("Which credential is wanted.", "Bearer realm=\"surety\""),
        ["Accept"] = () => Text("The media types that are taken.", "application/json"),
        ["Vary"] = () => Text("The request headers on which the answer depends.", "Prefer"),
        ["Preference-Applied"] = () => Text("The preferences of the Prefer header that were heeded.", "respond-async"),
        ["Content-Location"] = () => Text("The address of what is answered.", "/jobs/17-0f3a5c7e9b1d2468/result"),
        ["Content-Disposition"] = () => Text("The name to save the content under.", "attachment; filename=report.csv"),
        [TusWords.Resumable] = () => Text("The version of the tus protocol.", TusWords.Version),
        ["Tus-Version"] = () => Text("The versions of the tus protocol that are spoken.", TusWords.Version),
        ["Tus-Extension"] = () => Text("The extensions of the protocol that are spoken.", TusWords.Extensions),
        ["Tus-Max-Size"] = () => Number("The largest upload, in bytes.", 1, 1L << 30),
        ["Tus-Checksum-Algorithm"] = () => Text("The algorithms of Upload-Checksum.", TusWords.ChecksumAlgorithms),
        [TusWords.UploadOffset] = () => Number("How many bytes are there, durably.", 0, 1024),
        [TusWords.UploadLength] = () => Number("How many bytes there are to be.", 0, 4096),
        [TusWords.UploadDeferLength] = () => Number("1 while the length is not known.", 1, 1),
        [TusWords.UploadMetadata] = () =>
            Text("What was said of the upload when it began.", "filename cGF5bWVudHMuY3N2,filetype dGV4dC9jc3Y="),
        [TusWords.UploadExpires] = () => Text("By when the upload has to be finished (an HTTP date).", "Fri, 01 May 2026 12:00:00 GMT"),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static bool Knows(string name) => Known.ContainsKey(name);

    /// <summary>The header's description: a reference to the one among the components, but for a header of the application's own.</summary>
    public static IOpenApiHeader Of(string name, string? description, OpenApiDocument document) =>
        description is null
            ? document.Header(name, Known[name])
            : new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };

    public static void AddTo(IOpenApiResponse response, OpenApiDocument document, params IEnumerable<string> names)
    {
        if (response is not OpenApiResponse own) return;
        own.Headers ??= new SortedDictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
        foreach (var name in names) own.Headers.TryAdd(name, Of(name, null, document));
    }

    private static OpenApiHeader Text(string description, string example, string? pattern = null) =>
        new() { Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = pattern, Examples = [JsonValue.Create(example)] } };

    private static OpenApiHeader Number(string description, long least, long example) =>
        new() { Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = SchemaText.Of(least),
                Examples = [JsonValue.Create(example)] } };
}
