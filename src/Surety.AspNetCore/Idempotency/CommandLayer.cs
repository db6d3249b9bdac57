using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Limits;

namespace Surety.AspNetCore.Idempotency;

/// <summary>Makes each request to a marked endpoint a command.</summary>
internal sealed class CommandLayer : IEndpointLayer
{
    public RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next)
    {
        if (endpoint.Metadata.GetMetadata<CommandMetadata>() is not { KeyRequired: var keyRequired }) return next;
        var pace = new Pace();
        return http => new Command(http, keyRequired, pace).RunAsync(next);
    }
}
