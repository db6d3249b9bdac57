using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
using Surety.Postgres.Hosting;
using Surety.Storage;

namespace Surety;

/// <summary>Keeps messages in a PostgreSQL database.</summary>
public static class PostgresHosting
{
    /// <summary>
    /// Keeps the application's messages in its PostgreSQL database, in a schema of their own. Any number of nodes may work on it.
    /// PostgreSQL 13 or newer.
    /// </summary>
    /// <param name="builder">The host's Surety.</param>
    /// <param name="connectionString">
    /// Npgsql's. <c>Cancellation Timeout</c> is set to -1 whatever it says: a commit that was sent must not be cancelled.
    /// </param>
    /// <param name="configure">Changes the options.</param>
    public static SuretyBuilder UsePostgres(this SuretyBuilder builder, string connectionString, Action<PostgresOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        var options = new PostgresOptions();
        configure?.Invoke(options);

        var services = builder.Services;
        services.AddSingleton(provider => new PostgresStore(connectionString, provider.GetRequiredService<TimeProvider>(), options));
        services.AddSingleton<IStore>(provider => provider.GetRequiredService<PostgresStore>());
        services.AddSingleton<IMessageStore>(provider => provider.GetRequiredService<PostgresStore>().Messages);
        services.AddSingleton<IMessageReader>(provider => provider.GetRequiredService<PostgresStore>().Messages);
        services.AddSingleton<IDeadLetters>(provider => provider.GetRequiredService<PostgresStore>().Messages);
        services.AddSingleton<INodeStore>(provider => provider.GetRequiredService<PostgresStore>().Nodes);
        services.AddSingleton<IQueues>(provider => provider.GetRequiredService<PostgresStore>().Queues);
        services.AddSingleton<IIdempotencyStore>(provider => provider.GetRequiredService<PostgresStore>().Idempotency);
        services.AddSingleton<IApiKeyStore>(provider => provider.GetRequiredService<PostgresStore>().ApiKeys);
        services.AddSingleton<IQuotaStore>(provider => provider.GetRequiredService<PostgresStore>().Quotas);
        services.AddSingleton<IUploadStore>(provider => provider.GetRequiredService<PostgresStore>().Uploads);
        services.AddSingleton<Database>(provider => provider.GetRequiredService<PostgresStore>().Database);
        return builder.AddStore("PostgreSQL");
    }
}
