using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Surety.AspNetCore;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Surety;

/// <summary>Surety at the edge of an ASP.NET Core app: these two calls.</summary>
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
        if (services.Any(s => s.ServiceType == typeof(ProblemWriter))) throw new InvalidOperationException("AddSuretyEdge was called twice on one host. Put everything into one call.");
        var options = services.AddOptions<EdgeOptions>().BindConfiguration("Surety:Edge").ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<EdgeOptions>, EdgeOptionsCheck>());
        services.TryAddSingleton(TimeProvider.System);

        AddProblems(services);
        AddCommands(services);
        AddCallers(services);
        AddLimits(services);
        AddJobs(services);
        services.AddHostedService<StopDelay>();
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

    private static void Require(IEndpointRouteBuilder endpoints, Type service, string call)
    {
        if (endpoints.ServiceProvider.GetService<IServiceProviderIsService>()?.IsService(service) == false)
            throw new InvalidOperationException($"MapSurety() needs {call}, which was not called on this host.");
    }

    private static void AddProblems(IServiceCollection services)
    {
        services.TryAddSingleton<ProblemWriter>();
        services.TryAddSingleton<ProblemMiddleware>();
        services.AddSingleton<IDeveloperPageExceptionFilter>(s => s.GetRequiredService<ProblemMiddleware>());
        // Before the problems' layer, so that their answers carry its headers, too.
        services.AddTransient<IStartupFilter, SafeDefaults>();
        services.AddTransient<IStartupFilter, ProblemStartupFilter>();
        // First in the list: the framework asks its writers in order, and its own declines clients that do not ask for JSON.
        services.Insert(0, ServiceDescriptor.Singleton<IProblemDetailsWriter>(s => s.GetRequiredService<ProblemWriter>()));
        services.AddProblemDetails();

        services.AddOptions<JsonOptions>().Configure<IOptions<EdgeOptions>>((json, edge) => EdgeJson.MakeStrict(json.SerializerOptions, edge.Value.MaxJsonDepth));
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<EdgeOptions>>((kestrel, edge) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = edge.Value.MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = kestrel.Limits.MaxConcurrentUpgradedConnections = edge.Value.MaxConnections;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });
        // The reason of a refusal reaches ProblemMiddleware only inside the exception; without it, clients would get a bare status.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddSingleton<IPostConfigureOptions<Microsoft.Extensions.Validation.ValidationOptions>, KnownValidatables.InFront>();
    }

    private static void AddCommands(IServiceCollection services)
    {
        services.TryAddSingleton<KeysInFlight>();
        services.TryAddSingleton<BodyRoom>();
        services.TryAddScoped<EndpointWork>();
        services.TryAddScoped<UnitOfWork>(s => s.GetRequiredService<EndpointWork>());
        services.TryAddScoped(s => new Jobs(s.GetRequiredService<IQueue>(), s.GetRequiredService<Hosting.IQueueCatalog>(), s.GetRequiredService<EndpointWork>(), s.GetRequiredService<TimeProvider>()));
    }

    private static void AddJobs(IServiceCollection services)
    {
        services.TryAddSingleton<Signatures>();
        services.TryAddSingleton<JobIds>();
        services.TryAddSingleton<WaitingRoom>();
        services.TryAddSingleton<JobWait>();
        services.TryAddSingleton<StreamRoom>();
        services.TryAddSingleton<JobFeeds>();
    }

    private static void AddLimits(IServiceCollection services)
    {
        services.TryAddSingleton<Quotas>();
        services.TryAddSingleton<Admission>();
        services.TryAddSingleton<OperatorsKey>();
        services.TryAddSingleton<ThreadDelay>();
        services.AddRequestTimeouts();
        services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<EdgeOptions>>((timeouts, edge) => timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = edge.Value.RequestTimeout });
        services.TryAddEnumerable(ServiceDescriptor.Singleton<MatcherPolicy, EndpointGate>());
        // A host that uses the framework's own limiter as well: its refusals look like ours, not like a bare 503.
        services.Configure<RateLimiterOptions>(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = static (context, _) =>
            {
                if (context.Lease.TryGetMetadata(System.Threading.RateLimiting.MetadataName.RetryAfter, out var after))
                    context.HttpContext.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(after.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
                return ValueTask.CompletedTask;
            };
        });
    }

    private static void AddCallers(IServiceCollection services)
    {
        services.TryAddSingleton(s => new ApiKeys(s.GetRequiredService<Storage.IApiKeyStore>(), s.GetRequiredService<Storage.IStore>(), s.GetRequiredService<ApiKeyCache>(), s.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<ApiKeyCache>();
        services.TryAddSingleton<ApiKeyUses>();
        services.AddHostedService(s => s.GetRequiredService<ApiKeyUses>());
        var callers = new CallerScheme();
        callers.AddTo(services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.SchemeName, null));
        services.PostConfigure<AuthenticationOptions>(callers.StandInFront);
        services.AddAuthorizationBuilder().AddPolicy(Principals.Operator, policy => policy.RequireAssertion(context => context.User.IsOperator()));
        services.PostConfigure<AuthorizationOptions>(policies => policies.FallbackPolicy ??= new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
    }
}
