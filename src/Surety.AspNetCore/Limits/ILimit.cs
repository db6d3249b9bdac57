using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// A limit that a request meets as soon as its endpoint is known: no authentication yet, no byte of the body read.
/// <c>RequestPipeline</c> says in which order.
/// </summary>
internal interface ILimit
{
    /// <summary>The limit as it holds at an endpoint, by its marks; null where it does not. Asked once for each endpoint.</summary>
    Admit? At(RouteEndpoint endpoint);
}

/// <summary>Lets a request in by null; otherwise this endpoint answers in place of its own.</summary>
internal delegate ValueTask<Endpoint?> Admit(HttpContext http);
