using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.OpenApi;

/// <summary>The endpoints that a document leaves out although nobody said that it should. Pure.</summary>
internal static partial class UndescribedEndpoints
{
    public static IEnumerable<string> Of(IEnumerable<Endpoint> endpoints, IEnumerable<ApiDescription> described)
    {
        var known = described.Select(d => Name(d.HttpMethod, d.RelativePath)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return from endpoint in endpoints.OfType<RouteEndpoint>()
               where endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is not { ExcludeFromDescription: true }
               from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
               let name = Name(method, endpoint.RoutePattern.RawText)
               where !known.Contains(name)
               select name;
    }

    private static string Name(string? method, string? path) => $"{method} /{Parameter().Replace((path ?? "").Trim('/'), "{${name}}")}";

    // Without constraints, defaults and the marks of what is optional or the rest: {id:int}, {page=1}, {name?}, {**rest}.
    [GeneratedRegex(@"\{\*{0,2}(?<name>\w+)[^{}]*\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Parameter();
}
