using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Hosting;

/// <summary>
/// Stops a host that relies on filters which never run. What is mapped once the host has started is refused at its first request instead.
/// </summary>
internal sealed class UnfilteredEndpoints : IStartupFilter, IEndpointLayer
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        next(app);
        // Now everything is mapped, and nobody listens yet.
        var faults = app.ApplicationServices.GetRequiredService<EndpointDataSource>().Endpoints.Select(FilterMark.Fault).OfType<string>()
            .Distinct().ToList();
        if (faults.Count > 0) throw new InvalidOperationException(string.Join(Environment.NewLine, faults));
    };

    public RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next) =>
        FilterMark.Fault(endpoint) is { } fault ? _ => throw new InvalidOperationException(fault) : next;
}
