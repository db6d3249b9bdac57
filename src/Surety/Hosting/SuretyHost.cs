using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Hosting;
using Surety.Intake;
using Surety.Operations;
using Surety.Processing;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety;

/// <summary>Adds Surety to a host.</summary>
public static class SuretyHost
{
    /// <summary>
    /// Adds the queue, the workers and the store to the host. At its start the host opens the store, refuses to go on when anything is
    /// misconfigured (naming every fault at once), and begins to work; at its stop it drains.
    /// </summary>
    /// <param name="host">The host under construction.</param>
    /// <param name="configure">Chooses the store, the queues and the handlers.</param>
    /// <exception cref="InvalidOperationException">Surety was added before.</exception>
    public static IHostApplicationBuilder AddSurety(this IHostApplicationBuilder host, Action<SuretyBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(configure);
        var services = host.Services;
        if (services.Any(s => s.ServiceType == typeof(IQueue)))
            throw new InvalidOperationException("AddSurety was called twice on one host. Put everything into one call.");

        var builder = new SuretyBuilder(services);
        configure(builder);

        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddSingleton<SuretyTelemetry>();
        services.AddSingleton<FileSizeSignal>();
        services.AddSingleton(Failpoints.OfProcess);
        services.AddSingleton(Chance.OfProcess);
        services.AddSingleton(new Home());
        services.AddSingleton(_ => Configuration.Read(builder));
        services.AddSingleton(p => p.GetRequiredService<Configuration>().Types);
        services.AddSingleton(p => p.GetRequiredService<Configuration>().Handlers);
        services.AddSingleton(builder.Options);
        services.AddSingleton<IQueueCatalog>(p => p.GetRequiredService<Configuration>());
        services.AddSingleton<Supervisor>();
        services.AddSingleton(OutageLimits.Default);
        services.AddSingleton<Outage>();
        services.AddSingleton(Health);
        AddProcessing(services);
        services.AddSingleton<IQueue>(p => ActivatorUtilities.CreateInstance<MessageQueue>(p, builder.Json));
        services.AddSingleton<IMessages, StoredMessages>();
        AddOperations(services);
        if (builder.BlobStores.Count > 0)
        {
            services.AddSingleton<UploadLocks>();
            services.AddSingleton<UploadIntake>();
            services.AddSingleton<IUploads>(p => p.GetRequiredService<UploadIntake>());
            services.AddSingleton<ILoop, UploadSweep>();
        }

        services.AddHostedService(p => ActivatorUtilities.CreateInstance<Life>(p, services));
        return host;
    }

    /// <summary>
    /// Opens the store of a host that is not started, for a command beside it, such as one that makes the first API key. A host that
    /// starts opens its store itself.
    /// </summary>
    /// <param name="services">The services of the host that was built.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidOperationException">Surety is misconfigured, or was not added; names every fault at once.</exception>
    /// <exception cref="StoreException">The store cannot be used; says which and what to do.</exception>
    public static Task OpenStoreAsync(this IServiceProvider services, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.GetRequiredService<Configuration>().ThrowIfFaulty();
        return services.GetRequiredService<IStore>().OpenAsync(cancellationToken);
    }

    private static void AddProcessing(IServiceCollection services)
    {
        services.AddSingleton<RunningSet>();
        services.AddSingleton<ProgressBoard>();
        services.AddSingleton<Settler>();
        services.AddSingleton<FollowUps>();
        services.AddSingleton<Company>();
        services.AddSingleton<Streaks>();
        services.AddSingleton<Attempt>();
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<Solitary>(p, p.GetRequiredService<Configuration>().Queues));
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<Worker>(p, p.GetRequiredService<Configuration>().Queues));
    }

    private static void AddOperations(IServiceCollection services)
    {
        services.AddSingleton<ILoop, Upkeep>();
        services.AddSingleton<IChore, Rescue>();
        services.AddSingleton<IChore, EndKeys>();
        services.AddSingleton<IChore, PruneKeys>();
        services.AddSingleton<IChore, Prune>();
        services.AddSingleton<IChore>(p => ActivatorUtilities.CreateInstance<QueueCount>(p, p.GetRequiredService<Configuration>().Queues));
    }

    private static SuretyHealth Health(IServiceProvider services)
    {
        var (loops, outage) = (services.GetRequiredService<Supervisor>(), services.GetRequiredService<Outage>());
        // Asked for each time: the parts are made after the health that they tell of.
        return new SuretyHealth(
            () => [.. loops.Problems(), .. outage.Problems()],
            () => [.. loops.Degraded(), .. outage.Degraded(), .. services.GetServices<IWorries>().SelectMany(part => part.Worries)]);
    }

    /// <summary>
    /// From the start to the end of the host. Before anything else starts, the configuration is whole and the store open; nothing of Surety
    /// is resolved earlier, or a missing store would show as an error of the container instead of a sentence.
    /// </summary>
    private sealed class Life(
        IServiceProvider services, IServiceCollection registered, SuretyHealth health, Supervisor supervisor, Home home, ILogger<Life> log)
        : IHostedLifecycleService, IDisposable
    {
        private readonly CancellationTokenSource stopping = new();
        private Worker? worker;
        private Task loops = Task.CompletedTask;

        public async Task StartingAsync(CancellationToken cancellationToken)
        {
            var configuration = services.GetRequiredService<Configuration>();
            if (services.GetService<IServiceProviderIsKeyedService>() is { } known)
                configuration.Check(new Dependencies(registered, known));
            configuration.ThrowIfFaulty();
            services.GetRequiredService<FileSizeSignal>();
            var store = services.GetRequiredService<IStore>();
            await store.OpenAsync(cancellationToken);
            Log.StoreOpened(log, (await store.CheckAsync(cancellationToken)).Detail);
            if (services.GetService<IBlobStore>() is not { } blobs) return;
            await blobs.OpenAsync(store.StoreId, cancellationToken);
            Log.BlobsOpened(log, blobs.Place);
        }

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            await home;
            worker = services.GetRequiredService<Worker>();
            worker.Start();
            loops = Task.WhenAll(services.GetServices<ILoop>().Select(loop => supervisor.RunAsync(loop, stopping.Token)));
        }

        public Task StartedAsync(CancellationToken cancellationToken)
        {
            health.Start();
            return Task.CompletedTask;
        }

        public Task StoppingAsync(CancellationToken cancellationToken)
        {
            health.Drain();
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            // At once, wherever this is called: what would still be claimed would only have to be handed back.
            worker?.StopClaiming();
            await home;
            await stopping.CancelAsync();
            await loops;
            if (worker is not null) await worker.StopAsync(cancellationToken);
        }

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose() => stopping.Dispose();
    }
}
