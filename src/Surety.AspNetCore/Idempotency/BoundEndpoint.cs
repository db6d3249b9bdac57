using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// What a command does when its endpoint's arguments are bound and valid; a feature of the request, called by the endpoint's filter.
/// </summary>
/// <param name="HandleAsync">Runs the handler that it is given.</param>
internal sealed record BoundEndpoint(Func<Func<ValueTask<object?>>, ValueTask<object?>> HandleAsync)
{
    public static BoundEndpoint Of(HttpContext http) => http.Features.Get<BoundEndpoint>() ?? throw new InvalidOperationException(
        "An endpoint marked RequireIdempotencyKey() or AcceptIdempotencyKey() was called by another way than routing, or AddSuretyEdge() "
        + "was not called on this host.");
}
