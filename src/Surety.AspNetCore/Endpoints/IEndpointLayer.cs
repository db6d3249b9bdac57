using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Endpoints;

/// <summary>
/// What stands around an endpoint once its caller is known. It reads the endpoint's marks once and costs nothing where they do not ask for
/// it. <c>RequestPipeline</c> says in which order.
/// </summary>
internal interface IEndpointLayer
{
    /// <param name="endpoint">The endpoint as it was mapped.</param>
    /// <param name="next">What is further in.</param>
    /// <returns><paramref name="next"/> itself where the layer does nothing.</returns>
    RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next);
}
