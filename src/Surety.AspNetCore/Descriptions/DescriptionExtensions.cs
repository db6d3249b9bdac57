using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.Descriptions;

/// <summary>How an endpoint of Surety's says what the document is to say of it.</summary>
internal static class DescriptionExtensions
{
    /// <summary>As the framework's <c>Produces</c>, which knows only its own builders.</summary>
    public static TBuilder Answers<TBuilder>(this TBuilder endpoints, int status, Type? type = null)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoints.Add(
            endpoint =>
                endpoint.Metadata.Add(
                    new ProducesResponseTypeMetadata(status, type ?? typeof(void), type is null ? [] : ["application/json"])));
        return endpoints;
    }

    /// <summary>Changes the endpoints' operation before the edge adds its own to it.</summary>
    public static TBuilder Describe<TBuilder>(
        this TBuilder endpoints, Action<OpenApiOperation, OperationSite> describe, bool readsBodyItself = false)
            where TBuilder : IEndpointConventionBuilder
    {
        endpoints.Add(endpoint => endpoint.Metadata.Add(new OperationNote(describe, readsBodyItself)));
        return endpoints;
    }
}
