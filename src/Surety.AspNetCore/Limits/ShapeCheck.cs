using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Limits;

/// <summary>What is wrong with a request by its first lines alone.</summary>
internal sealed class ShapeCheck : ILimit
{
    public Admit? At(RouteEndpoint endpoint)
    {
        var shape = new RequestShape(endpoint.Metadata);
        return http => new(shape.Fault(http.Request) is { } fault ? RefusedEndpoint.With(http, fault) : null);
    }
}
