using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
using Surety.Operations;
using Surety.Sqlite.Hosting;
using Surety.Storage;

namespace Surety;

/// <summary>Keeps messages in an SQLite file.</summary>
public static class SqliteHosting
{
    /// <summary>
    /// Keeps the application's messages in an SQLite file, beside its own tables: WAL, <c>synchronous=FULL</c>, one writer a process. All
    /// processes that open the file may enqueue; one of them works.
    /// </summary>
    /// <param name="builder">The host's Surety.</param>
    /// <param name="connectionString">
    /// Such as <c>Data Source=app.db</c>. The file is made when it is missing; its folder must exist, on a local disk. Symbolic links are
    /// followed. Memory and shared-cache databases, URIs, and files with several hard links are refused when the host starts.
    /// </param>
    /// <param name="configure">Changes the options.</param>
    public static SuretyBuilder UseSqlite(this SuretyBuilder builder, string connectionString, Action<SqliteOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        var options = new SqliteOptions();
        configure?.Invoke(options);

        return builder.AddStore(
            "SQLite",
            provider => new SqliteStore(
                connectionString, provider.GetRequiredService<TimeProvider>(), options,
                failpoints: provider.GetRequiredService<Failpoints>()),
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
