using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Idempotency;

namespace Surety;

/// <summary>Makes endpoints commands: one unit of work, one answer, safe to repeat.</summary>
public static class IdempotencyExtensions
{
    /// <summary>
    /// Runs the endpoint's handler in a unit of work, and refuses requests without an <c>Idempotency-Key</c> header. Effects, enqueued
    /// messages and the stored answer commit together, before the first byte is answered; a repeat gets the stored answer and
    /// <c>Idempotent-Replayed: true</c>. For minimal APIs and controllers. Others (Razor Pages, proxies) run no endpoint
    /// filters: a host with one so marked does not start.
    /// </summary>
    /// <remarks>
    /// The handler takes a <see cref="UnitOfWork"/> and never commits. An answer below 400 commits. A 4xx rolls the handler's writes back
    /// and is stored, except 400, 401, 403, 408, 425, 428 and 429: they, a 5xx and an exception leave nothing behind. The handler's
    /// cancellation token follows the client until the transaction begins, and from then on only
    /// <see cref="EdgeOptions.CommandTimeout"/>: a client that went away finds the answer when it repeats the request. Endpoint filters
    /// added before this call run before the transaction begins and can refuse the request without costing one; those added after it run
    /// inside.
    /// </remarks>
    public static TBuilder RequireIdempotencyKey<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder =>
        Apply(endpoints, keyRequired: true);

    /// <summary>
    /// As <see cref="RequireIdempotencyKey"/>, for requests with the header; one without it runs in the same kind of unit of work and is
    /// not remembered.
    /// </summary>
    public static TBuilder AcceptIdempotencyKey<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder =>
        Apply(endpoints, keyRequired: false);

    private static ValueTask<object?> HandleAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate handler) =>
        BoundEndpoint.Of(context.HttpContext).HandleAsync(() => handler(context));

    private static TBuilder Apply<TBuilder>(TBuilder endpoints, bool keyRequired) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        // Not in Finally: by then the framework has built the handler's pipeline, and a filter added there never runs.
        endpoints.Add(endpoint =>
        {
            // A group's mark is applied first, and the endpoint's own counts more.
            if (endpoint.Metadata.OfType<CommandMetadata>().FirstOrDefault() is { } group) endpoint.Metadata.Remove(group);
            endpoint.Metadata.Add(new CommandMetadata(keyRequired));
            new FilterMark("RequireIdempotencyKey() or AcceptIdempotencyKey()", HandleAsync).AddTo(endpoint);
        });
        return endpoints;
    }
}
