using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
using Surety.Operations;
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

        return builder.AddStore(
            "PostgreSQL",
            provider => new PostgresStore(
                connectionString, provider.GetRequiredService<TimeProvider>(), options, provider.GetRequiredService<Failpoints>()),
            nouns => nouns
                .Add<IMessageStore>(s => s.Messages)
                .Add<IMessageReader>(s => s.Messages)
                .Add<IDeadLetters>(s => s.Messages)
                .Add<INodeStore>(s => s.Nodes)
                .Add<IQueues>((s, host) => new KnownQueues(s.Queues, host.GetRequiredService<Configuration>().Queues.Keys))
                .Add<IIdempotencyStore>(s => s.Idempotency)
                .Add<IApiKeyStore>(s => s.ApiKeys)
                .Add<IQuotaStore>(s => s.Quotas)
                .Add<IUploadStore>(s => s.Uploads)
                .Add<Database>(s => s.Database));
    }
}
