using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Surety.AspNetCore.Health;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Limits;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Hosting;

/// <summary>What the mechanisms of <see cref="RequestPipeline"/> work with. Here the order means nothing.</summary>
internal static class EdgeServices
{
    public static void AddTo(IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        AddSecurity(services);
        AddProblems(services);
        AddLimits(services);
        AddCommands(services);
        AddJobs(services);
        // In the order from last to first: the clients' time begins when the delay is over.
        services.TryAddSingleton<SlowClients>();
        services.AddHostedService(s => s.GetRequiredService<SlowClients>());
        services.AddHostedService<StopDelay>();
    }

    private static void AddSecurity(IServiceCollection services)
    {
        services.TryAddSingleton<Signatures>();
        services.AddHostedService<DevelopmentKeyWarning>();
        services.AddMetrics();
        services.TryAddSingleton<CallerMetrics>();
        services.TryAddSingleton(s => new ApiKeys(
            s.GetRequiredService<IApiKeyStore>(), s.GetRequiredService<IStore>(), s.GetRequiredService<ApiKeyCache>(),
            s.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<ApiKeyCache>();
        services.TryAddSingleton<OperatorsKey>();
        services.TryAddSingleton<ApiKeyUses>();
        services.AddHostedService(s => s.GetRequiredService<ApiKeyUses>());
    }

    private static void AddProblems(IServiceCollection services)
    {
        services.TryAddSingleton<ProblemWriter>();
        services.TryAddSingleton<ProblemMiddleware>();
    }

    private static void AddLimits(IServiceCollection services)
    {
        services.TryAddSingleton<EdgeMetrics>();
        services.TryAddSingleton<Quotas>();
        services.TryAddSingleton<Admission>();
        services.TryAddSingleton<ThreadDelay>();
    }

    private static void AddCommands(IServiceCollection services)
    {
        services.TryAddSingleton<KeysInFlight>();
        services.TryAddSingleton<BodyRoom>();
        services.TryAddSingleton<CommandServices>();
        services.TryAddScoped<EndpointWork>();
        services.TryAddScoped<UnitOfWork>(s => s.GetRequiredService<EndpointWork>());
    }

    private static void AddJobs(IServiceCollection services)
    {
        services.TryAddScoped(s => new Surety.Jobs(
            s.GetRequiredService<IQueue>(), s.GetRequiredService<Surety.Hosting.IQueueCatalog>(), s.GetRequiredService<EndpointWork>(),
            s.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<JobIds>();
        services.TryAddSingleton<WaitingRoom>();
        services.TryAddSingleton<JobWait>();
        services.TryAddSingleton<IPreferredAnswer, PreferredAnswer>();
        services.TryAddSingleton<StreamRoom>();
        services.TryAddSingleton<JobFeeds>();
    }
}
