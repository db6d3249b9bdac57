using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;

namespace Surety.AspNetCore.Problems;

/// <summary>What a client calls a parameter: <c>[FromQuery(Name = "page-size")] int size</c> is <c>page-size</c>. Pure.</summary>
internal static class ParameterNames
{
    public static string Of(Endpoint? endpoint, string name) => endpoint is null ? name : Of(endpoint.Metadata, name);

    public static string Of(EndpointMetadataCollection metadata, string name)
    {
        var attributes = metadata.GetOrderedMetadata<IParameterBindingMetadata>()
            .FirstOrDefault(p => p.Name == name)?.ParameterInfo.GetCustomAttributes(inherit: true) ?? [];
        return attributes.Select(GivenName).FirstOrDefault(given => given is not null) ?? name;
    }

    private static string? GivenName(object attribute) => attribute switch
    {
        IFromQueryMetadata query => query.Name,
        IFromRouteMetadata route => route.Name,
        IFromHeaderMetadata header => header.Name,
        IFromFormMetadata form => form.Name,
        _ => null,
    };
}
