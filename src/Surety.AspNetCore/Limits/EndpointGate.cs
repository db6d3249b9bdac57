using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Surety.AspNetCore;

/// <summary>
/// Stands where routing has found the endpoint and nothing else has happened: no authentication, no byte of the body read. A refused request gets an endpoint that says so at once; every other one
/// gets its own, behind the limits that need to know the caller. As a part of routing it needs no middleware that a host could forget or put in the wrong place.
/// </summary>
internal sealed class EndpointGate(Quotas quotas) : MatcherPolicy, IEndpointSelectorPolicy
{
    private readonly ConditionalWeakTable<Endpoint, Gated> gated = [];

    // The last one: it has to see the endpoint that is chosen.
    public override int Order => int.MaxValue;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public async Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var chosen = 0;
        while (chosen < candidates.Count && !candidates.IsValidCandidate(chosen)) chosen++;
        if (chosen == candidates.Count || candidates[chosen].Endpoint is not RouteEndpoint { RequestDelegate: not null } endpoint) return;

        var gate = gated.GetValue(endpoint, _ => new Gated(endpoint, quotas));
        if (await gate.EnterAsync(httpContext) is not { } refusal)
        {
            candidates.ReplaceEndpoint(chosen, gate.Endpoint, candidates[chosen].Values);
            return;
        }

        candidates.ReplaceEndpoint(chosen, Refusal(refusal), candidates[chosen].Values);
        for (var other = chosen + 1; other < candidates.Count; other++) candidates.SetValidity(other, false);
    }

    /// <summary>Runs within routing: authentication does not look up who is refused.</summary>
    private static Endpoint Refusal(ProblemDetails problem)
    {
        var builder = new RouteEndpointBuilder(new ProblemResult(problem).ExecuteAsync, RoutePatternFactory.Parse(""), 0) { DisplayName = "Refused" };
        new Conventions(builder).ShortCircuit();
        return builder.Build();
    }

    /// <summary>One endpoint, and what stands before it.</summary>
    private sealed class Gated
    {
        private readonly Quota[] ofAddresses;

        public Gated(RouteEndpoint endpoint, Quotas quotas)
        {
            var here = quotas.Of(endpoint.Metadata).ToList();
            ofAddresses = [.. here.Where(q => q.Options.By == QuotaBy.Address)];
            var ofCallers = here.Except(ofAddresses).ToArray();
            var handle = endpoint.RequestDelegate!;
            Endpoint = ofCallers.Length == 0 ? endpoint : new RouteEndpoint(Count, endpoint.RoutePattern, endpoint.Order, endpoint.Metadata, endpoint.DisplayName);

            async Task Count(HttpContext http)
            {
                if (await Quotas.TakeAsync(ofCallers, http) is { } refusal) await new ProblemResult(refusal).ExecuteAsync(http);
                else await handle(http);
            }
        }

        public Endpoint Endpoint { get; }

        public ValueTask<ProblemDetails?> EnterAsync(HttpContext http) => ofAddresses.Length == 0 ? default : Quotas.TakeAsync(ofAddresses, http);
    }

    private sealed class Conventions(EndpointBuilder endpoint) : IEndpointConventionBuilder
    {
        public void Add(Action<EndpointBuilder> convention) => convention(endpoint);
    }
}
