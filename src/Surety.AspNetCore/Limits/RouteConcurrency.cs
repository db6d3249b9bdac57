using System.Globalization;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Limits;

/// <summary>How many requests one endpoint, or one group of them, takes at a time.</summary>
internal sealed class RouteConcurrency(ProblemWriter problems, EdgeMetrics metrics) : ILimit
{
    public Admit? At(RouteEndpoint endpoint)
    {
        if (endpoint.Metadata.GetMetadata<ConcurrencyMetadata>() is not { } route) return null;
        var full = RefusedEndpoint.Overloaded(
            problems, metrics, "route",
            string.Create(CultureInfo.InvariantCulture, $"This address takes {route.Most} requests at a time. Try again in a moment."));
        return http =>
        {
            if (!route.TryEnter()) return new(full);
            http.Response.RegisterForDispose(new Place(route));
            return default;
        };
    }

    private sealed class Place(ConcurrencyMetadata route) : IDisposable
    {
        private int held = 1;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref held, 0) == 1) route.Leave();
        }
    }
}
