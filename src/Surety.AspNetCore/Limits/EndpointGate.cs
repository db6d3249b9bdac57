using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// Stands where routing has found the endpoint and nothing else has happened: no authentication, no byte of the body read. A refused
/// request gets an endpoint that says so at once; every other one gets its own, behind the layers that need to know the caller. As a part
/// of routing it needs no middleware that a host could forget or put in the wrong place.
/// </summary>
internal sealed class EndpointGate : MatcherPolicy, IEndpointSelectorPolicy
{
    private readonly ILimit[] limits;
    private readonly IEndpointLayer[] layers;
    private readonly ThreadDelay threads;
    private readonly ConditionalWeakTable<Endpoint, Gated> gated = [];

    public EndpointGate(
        IEnumerable<ILimit> limits, IEnumerable<IEndpointLayer> layers, ThreadDelay threads, Admission admission, EdgeMetrics metrics)
    {
        (this.limits, this.layers, this.threads) = ([.. limits], [.. layers], threads);
        metrics.Observe(admission);
    }

    // The last one: it has to see the endpoint that is chosen.
    public override int Order => int.MaxValue;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public async Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var chosen = 0;
        while (chosen < candidates.Count && !candidates.IsValidCandidate(chosen)) chosen++;
        if (chosen == candidates.Count || candidates[chosen].Endpoint is not RouteEndpoint { RequestDelegate: not null } endpoint) return;

        var gate = gated.TryGetValue(endpoint, out var known) ? known : gated.GetValue(endpoint, _ => Gate(endpoint));
        if (await EnterAsync(httpContext, gate) is not { } refusal)
        {
            candidates.ReplaceEndpoint(chosen, gate.Endpoint, candidates[chosen].Values);
            return;
        }

        candidates.ReplaceEndpoint(chosen, refusal, candidates[chosen].Values);
        for (var other = chosen + 1; other < candidates.Count; other++) candidates.SetValidity(other, false);
    }

    /// <summary>Null, or who answers instead.</summary>
    private async ValueTask<Endpoint?> EnterAsync(HttpContext http, Gated gate)
    {
        if (gate.Limits.Length == 0) return null;
        threads.Look();
        foreach (var admit in gate.Limits)
        {
            if (await admit(http) is { } refusal) return refusal;
        }

        return null;
    }

    private Gated Gate(RouteEndpoint endpoint)
    {
        var isProbe = endpoint.Metadata.GetMetadata<ProbeMetadata>() is not null;
        var handle = endpoint.RequestDelegate!;
        for (var layer = layers.Length - 1; layer >= 0; layer--) handle = layers[layer].Around(endpoint, handle);
        return new Gated(
            new RouteEndpoint(handle, endpoint.RoutePattern, endpoint.Order, endpoint.Metadata, endpoint.DisplayName),
            isProbe ? [] : [.. limits.Select(limit => limit.At(endpoint)).OfType<Admit>()]);
    }

    /// <summary>One endpoint, and what stands before it.</summary>
    private sealed record Gated(Endpoint Endpoint, Admit[] Limits);
}
