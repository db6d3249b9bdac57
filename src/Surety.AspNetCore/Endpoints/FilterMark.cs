using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Endpoints;

/// <summary>
/// Marks an endpoint that relies on a filter of ours, and knows whether the framework has built it in. It does so for minimal APIs and
/// controllers. The endpoints of Razor Pages and proxies take a filter and never run it, without a word.
/// </summary>
/// <param name="call">What the application called to get it.</param>
/// <param name="filter">What runs around the handler.</param>
internal sealed class FilterMark(string call, Func<EndpointFilterInvocationContext, EndpointFilterDelegate, ValueTask<object?>> filter)
{
    private volatile bool isBuilt;

    /// <summary>Adds the filter in place of one that the endpoint's group has added by the same call.</summary>
    public void AddTo(EndpointBuilder endpoint)
    {
        foreach (var group in endpoint.Metadata.OfType<FilterMark>().Where(m => m.Call == Call).ToList())
        {
            endpoint.Metadata.Remove(group);
            endpoint.FilterFactories.Remove(group.Build);
        }

        endpoint.Metadata.Add(this);
        endpoint.FilterFactories.Add(Build);
    }

    /// <summary>Null when every filter that the endpoint relies on is there.</summary>
    public static string? Fault(Endpoint endpoint) =>
        endpoint.Metadata.GetOrderedMetadata<FilterMark>().FirstOrDefault(m => !m.isBuilt) is { } missing
            ? $"{Describe(endpoint)} is marked {missing.Call}, but it runs no endpoint filters, so the mark would do nothing. Only minimal "
                + "APIs and controllers run them: Razor Pages and proxies do not. Take the mark away, or map it as a minimal API."
            : null;

    private string Call => call;

    private EndpointFilterDelegate Build(EndpointFilterFactoryContext context, EndpointFilterDelegate next)
    {
        isBuilt = true;
        return invocation => filter(invocation, next);
    }

    private static string Describe(Endpoint endpoint) =>
        $"The endpoint \"{endpoint.DisplayName ?? (endpoint as RouteEndpoint)?.RoutePattern.RawText}\"";
}
