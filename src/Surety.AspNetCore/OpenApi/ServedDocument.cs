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

    private volatile Made? made;

    public async Task<IResult> GetAsync(CancellationToken cancel)
    {
        var document = made ??= await MakeAsync(cancel);
        return Results.Bytes(document.Json, "application/json; charset=utf-8", entityTag: document.Tag);
    }

    private async Task<Made> MakeAsync(CancellationToken cancel)
    {
        var document = await provider.GetOpenApiDocumentAsync(cancel);
        using var json = new MemoryStream();
        await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1, cancel);
        var bytes = json.ToArray();
        return new Made(bytes, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 8))}\""));
    }

    private sealed record Made(byte[] Json, EntityTagHeaderValue Tag);
}
