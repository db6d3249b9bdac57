using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.OpenApi;

/// <summary>The document as it is served: made at the first request and kept, since a reader needs no credential.</summary>
internal sealed class ServedDocument([FromKeyedServices(ServedDocument.Name)] IOpenApiDocumentProvider provider)
{
    public const string Name = "v1";
    public const string Path = "/openapi/v1.json";

    // A host has one path base or two; more are somebody's play with upper and lower case, and are made anew each time.
    private const int MostKept = 8;

    private readonly ConcurrentDictionary<PathString, Made> made = [];

    public async Task<IResult> GetAsync(PathString pathBase, CancellationToken cancel)
    {
        if (!made.TryGetValue(pathBase, out var document))
        {
            document = await MakeAsync(pathBase, cancel);
            if (made.Count < MostKept) made[pathBase] = document;
        }

        return Results.Bytes(document.Json, "application/json; charset=utf-8", entityTag: document.Tag);
    }

    private async Task<Made> MakeAsync(PathString pathBase, CancellationToken cancel)
    {
        var document = await provider.GetOpenApiDocumentAsync(cancel);
        WholeDocument.ServeUnder(document, pathBase);
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1, cancel);
        var bytes = json.ToArray();
        return new Made(bytes, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\""));
    }

    private sealed record Made(byte[] Json, EntityTagHeaderValue Tag);
}
