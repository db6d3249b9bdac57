using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
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

        var services = builder.Services;
        services.AddSingleton(provider => new SqliteStore(connectionString, provider.GetRequiredService<TimeProvider>(), options));
        services.AddSingleton<IStore>(provider => provider.GetRequiredService<SqliteStore>());
        services.AddSingleton<IMessageStore>(provider => provider.GetRequiredService<SqliteStore>().Messages);
        services.AddSingleton<IMessageReader>(provider => provider.GetRequiredService<SqliteStore>().Messages);
        services.AddSingleton<IDeadLetters>(provider => provider.GetRequiredService<SqliteStore>().Messages);
        services.AddSingleton<INodeStore>(provider => provider.GetRequiredService<SqliteStore>().Nodes);
        services.AddSingleton<IQueues>(provider => provider.GetRequiredService<SqliteStore>().Queues);
        services.AddSingleton<IIdempotencyStore>(provider => provider.GetRequiredService<SqliteStore>().Idempotency);
        services.AddSingleton<IApiKeyStore>(provider => provider.GetRequiredService<SqliteStore>().ApiKeys);
        services.AddSingleton<IQuotaStore>(provider => provider.GetRequiredService<SqliteStore>().Quotas);
        services.AddSingleton<IUploadStore>(provider => provider.GetRequiredService<SqliteStore>().Uploads);
        services.AddSingleton<Database>(provider => provider.GetRequiredService<SqliteStore>().Database);
        return builder.AddStore("SQLite");
    }
}
