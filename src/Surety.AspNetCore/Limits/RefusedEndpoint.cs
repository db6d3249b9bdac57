using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// What answers in place of an endpoint whose request was not let in. It runs within routing: authentication does not look up who is
/// refused. Each is made once: when they are needed, they are needed thousands of times a second.
/// </summary>
internal static class RefusedEndpoint
{
    private static readonly Endpoint OfProblem =
        Immediate(static http => new ProblemResult(http.Features.GetRequiredFeature<ProblemDetails>()).ExecuteAsync(http));
    private static readonly string[] Pauses = ["1", "2", "3"];

    /// <summary>Refuses this request with a problem of its own.</summary>
    public static Endpoint With(HttpContext http, ProblemDetails problem)
    {
        http.Features.Set(problem);
        return OfProblem;
    }

    /// <summary>Refuses with 503, in the same words each time.</summary>
    /// <param name="problems">Writes them beforehand.</param>
    /// <param name="metrics">Counts the refusals.</param>
    /// <param name="why">For the metric.</param>
    /// <param name="detail">For the client.</param>
    public static Endpoint Overloaded(ProblemWriter problems, EdgeMetrics metrics, string why, string detail)
    {
        var ready = problems.Prepare(Quotas.Refusal(503, ProblemCodes.Overloaded, detail));
        return Immediate(http =>
        {
            // Not all of them in the same second.
#pragma warning disable RS0030 // Only spreads the clients that come back.
            http.Response.Headers.RetryAfter = Pauses[Random.Shared.Next(Pauses.Length)];
#pragma warning restore RS0030
            metrics.Shed(why);
            return ready.SendAsync(http);
        });
    }

    private static Endpoint Immediate(RequestDelegate answer)
    {
        var builder = new RouteEndpointBuilder(answer, RoutePatternFactory.Parse(""), 0) { DisplayName = "Refused" };
        new Conventions(builder).ShortCircuit();
        return builder.Build();
    }

    private sealed class Conventions(EndpointBuilder endpoint) : IEndpointConventionBuilder
    {
        public void Add(Action<EndpointBuilder> convention) => convention(endpoint);
    }
}
