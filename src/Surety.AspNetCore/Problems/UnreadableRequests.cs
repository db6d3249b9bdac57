using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// What cannot be read is refused right at the endpoint: further out, in Development, the framework would take each for a failure and log
/// its stack.
/// </summary>
internal sealed class UnreadableRequests(ProblemMiddleware problems) : IEndpointLayer
{
    public RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next) => async http =>
    {
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException fault) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            await problems.RefuseAsync(http, fault);
        }
    };
}
