using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Validation;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Limits;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Security;
using ControllerJson = Microsoft.AspNetCore.Mvc.JsonOptions;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Surety.AspNetCore.Hosting;

/// <summary>
/// Everything of the edge that touches a request, in the order in which a request meets it. A new mechanism gets its line here;
/// the order of the lines is the order of the road.
/// </summary>
internal static class RequestPipeline
{
    public static void AddTo(IServiceCollection services)
    {
        AddServer(services);
        AddOutermost(services);
        AddDoor(services);
        AddCallers(services);
        AddLayers(services);
        AddBinding(services);
        // Then the endpoint's own filters. The command's filter stands among them, where RequireIdempotencyKey() was called, because the
        // filters added before it are to run before the transaction begins, and those after it inside. See IdempotencyExtensions.
    }

    /// <summary>1. The server: what is too much for a connection or a header never becomes a request.</summary>
    private static void AddServer(IServiceCollection services) =>
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<EdgeOptions>, SlowClients>((kestrel, edge, slow) =>
        {
            kestrel.ConfigureEndpointDefaults(listen => listen.Use(slow.Watch));
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = edge.Value.MaxBodyBytes;
            kestrel.Limits.MaxConcurrentConnections = edge.Value.MaxConnections;
            kestrel.Limits.MaxConcurrentUpgradedConnections = edge.Value.MaxConnections;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });

    /// <summary>2. Around everything the host builds, as startup filters: no host can forget them or put something before them.</summary>
    private static void AddOutermost(IServiceCollection services)
    {
        // Before the problems' layer, so that their answers carry its headers, too.
        services.AddTransient<IStartupFilter, SafeDefaults>();
        services.AddTransient<IStartupFilter, ProblemStartupFilter>();
        // In Development the framework's exception page sits further in, and asks this first.
        services.AddSingleton<IDeveloperPageExceptionFilter>(s => s.GetRequiredService<ProblemMiddleware>());
        // First in the list: the framework asks its writers in order, and its own declines clients that do not ask for JSON.
        services.Insert(0, ServiceDescriptor.Singleton<IProblemDetailsWriter>(s => s.GetRequiredService<ProblemWriter>()));
        services.AddProblemDetails();
    }

    /// <summary>
    /// 3. The door: routing has found the endpoint, and nothing of the request was looked up or read. The cheapest refusals, in the order
    /// of what they protect: one address's share, one route's places, the host's places; then what is wrong with the request itself, so
    /// that a crowd of malformed requests is a crowd all the same.
    /// </summary>
    private static void AddDoor(IServiceCollection services)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<MatcherPolicy, EndpointGate>());
        services.AddSingleton<ILimit, AddressQuotas>();
        services.AddSingleton<ILimit, RouteConcurrency>();
        services.AddSingleton<ILimit, LoadLimit>();
        services.AddSingleton<ILimit, ShapeCheck>();
    }

    /// <summary>4. Who calls, and whether he may. An endpoint that does not say otherwise needs an authenticated caller.</summary>
    private static void AddCallers(IServiceCollection services)
    {
        var callers = new CallerScheme();
        callers.AddTo(services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(ApiKeyHandler.SchemeName, null));
        services.PostConfigure<AuthenticationOptions>(callers.StandInFront);
        services.AddAuthorizationBuilder().AddPolicy(
            Principals.Operator, policy => policy.RequireAssertion(context => context.User.IsOperator()));
        services.PostConfigure<AuthorizationOptions>(
            policies => policies.FallbackPolicy ??= new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        services.Configure<RateLimiterOptions>(RefuseAsQuotasDo);
        // It writes a line at Information for each request that is not let in. First in the list, so that a rule of the host's wins.
        services.Configure<LoggerFilterOptions>(log => log.Rules.Insert(
            0, new LoggerFilterRule(null, typeof(DefaultAuthorizationService).FullName, LogLevel.Warning, null)));
    }

    /// <summary>
    /// 5. Around the endpoint, from the outside in. Quotas first, because a refusal must not cost a transaction. The command is the
    /// innermost: it alone knows what became of its transaction, and has its own time limit.
    /// </summary>
    private static void AddLayers(IServiceCollection services)
    {
        services.AddSingleton<IEndpointLayer, CallerQuotas>();
        services.AddSingleton<IEndpointLayer, UnreadableRequests>();
        services.AddRequestTimeouts();
        services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<EdgeOptions>>(
            (timeouts, edge) => timeouts.DefaultPolicy = new RequestTimeoutPolicy { Timeout = edge.Value.RequestTimeout });
        services.AddSingleton<IEndpointLayer, TimeLimits>();
        services.AddTransient<IStartupFilter, UnfilteredEndpoints>();
        services.AddSingleton<IEndpointLayer, UnfilteredEndpoints>();
        services.AddSingleton<IEndpointLayer, CommandLayer>();
    }

    /// <summary>6. The framework binds the handler's arguments and validates them.</summary>
    private static void AddBinding(IServiceCollection services)
    {
        services.AddOptions<JsonOptions>().Configure<IOptions<EdgeOptions>>(
            (json, edge) => EdgeJson.MakeStrict(json.SerializerOptions, edge.Value.MaxJsonDepth));
        // Last, so that it holds for the contracts of the host's own resolvers, too.
        services.PostConfigure<JsonOptions>(json => AskForDiscriminators(json.SerializerOptions));
        AddControllers(services);
        // The reason of a refusal reaches ProblemMiddleware only inside the exception; without it, clients would get a bare status.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddSingleton<IPostConfigureOptions<ValidationOptions>, KnownValidatables.InFront>();
    }

    /// <summary>Controllers read JSON by options of their own. A host without any pays nothing for this.</summary>
    private static void AddControllers(IServiceCollection services)
    {
        services.AddOptions<ControllerJson>().Configure<IOptions<EdgeOptions>>((json, edge) =>
        {
            EdgeJson.MakeStrict(json.JsonSerializerOptions, edge.Value.MaxJsonDepth);
            // Then the exception itself arrives, which ControllerProblems reads as it does everybody's.
            json.AllowInputFormatterExceptionMessages = false;
        });
        services.PostConfigure<ControllerJson>(json => AskForDiscriminators(json.JsonSerializerOptions));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<ApiBehaviorOptions>, ControllerProblems>());
        services.Configure<MvcOptions>(mvc => mvc.Filters.Add(new ControllerProblems()));
    }

    private static void AskForDiscriminators(JsonSerializerOptions json) =>
        json.TypeInfoResolver = json.TypeInfoResolver?.WithAddedModifier(EdgeJson.AskForDiscriminators);

    /// <summary>A host that uses the framework's own limiter as well: its refusals look like ours, not like a bare 503.</summary>
    private static void RefuseAsQuotasDo(RateLimiterOptions limiter)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.OnRejected = static (context, _) =>
        {
            if (context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after))
            {
                var seconds = Math.Max(1, (long)Math.Ceiling(after.TotalSeconds));
                context.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            }

            return ValueTask.CompletedTask;
        };
    }
}
