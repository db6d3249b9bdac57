using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Health;
using Surety.AspNetCore.Hosting;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Problems;

namespace Surety;

/// <summary>Surety at the edge of an ASP.NET Core app: these calls.</summary>
public static class EdgeExtensions
{
    /// <summary>
    /// Adds problem details for every error, strict JSON, idempotent commands, jobs and API keys. Every endpoint that does not say
    /// otherwise needs an authenticated caller. No middleware has to be called: the outermost layer installs itself.
    /// </summary>
    /// <exception cref="InvalidOperationException">The edge was added before.</exception>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Changes the options, after the configuration section <c>Surety:Edge</c>.</param>
    public static IServiceCollection AddSuretyEdge(this IServiceCollection services, Action<EdgeOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(s => s.ServiceType == typeof(ProblemWriter)))
            throw new InvalidOperationException("AddSuretyEdge was called twice on one host. Put everything into one call.");
        var options = services.AddOptions<EdgeOptions>().BindConfiguration("Surety:Edge").ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<EdgeOptions>, EdgeOptionsCheck>());
        EdgeServices.AddTo(services);
        RequestPipeline.AddTo(services);
        return services;
    }

    /// <summary>
    /// Maps <c>/jobs</c>, <c>/jobs/{id}</c>, its <c>/events</c> and its <c>/result</c> for the jobs' owners, and <c>/livez</c>,
    /// <c>/readyz</c> and <c>/startupz</c> for everybody; after
    /// <c>AddSuretyOpenApi</c> also <c>/openapi/v1.json</c>, and the page that explains the problems, where
    /// <see cref="EdgeOptions.ServeProblems"/> says so.
    /// </summary>
    /// <exception cref="InvalidOperationException">AddSurety or AddSuretyEdge was not called.</exception>
    public static IEndpointRouteBuilder MapSurety(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        Require(endpoints, typeof(IQueue), "builder.AddSurety(…)");
        Require(endpoints, typeof(ProblemWriter), "builder.Services.AddSuretyEdge()");
        JobEndpoints.Map(endpoints);
        HealthEndpoints.Map(endpoints);
        OpenApiExtensions.Map(endpoints);
        ProblemPage.Map(endpoints);
        return endpoints;
    }

    /// <summary>
    /// Adds a check that says what <c>/readyz</c> says: healthy when this host has started, its store and its loops work, and it is not
    /// going away. Its description names what is wrong, or what an operator should know; its data has the same as <c>status</c>,
    /// <c>problems</c> and <c>details</c>. Show these to operators only. Needs <c>AddSurety</c> on the host.
    /// </summary>
    /// <param name="checks">The host's checks, from <c>services.AddHealthChecks()</c>.</param>
    /// <param name="name">The check's name. Default <c>surety</c>.</param>
    /// <param name="failureStatus">What to report of a host that is not ready. Default <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">For choosing checks by; none by default.</param>
    public static IHealthChecksBuilder AddSurety(
        this IHealthChecksBuilder checks, string name = "surety", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(checks);
        return checks.Add(new HealthCheckRegistration(name, services => new SuretyHealthCheck(services), failureStatus, tags));
    }

    private static void Require(IEndpointRouteBuilder endpoints, Type service, string call)
    {
        if (endpoints.ServiceProvider.GetService<IServiceProviderIsService>()?.IsService(service) == false)
            throw new InvalidOperationException($"MapSurety() needs {call}, which was not called on this host.");
    }
}
