using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Migrations;
using Surety.Postgres.Segments;
using Surety.Postgres.Segments.Sql;
using Surety.Postgres.Sql;
using Surety.Postgres.Stores;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Hosting;

/// <summary>The store in one database: its connections, its statements, and the nouns that use them.</summary>
internal sealed class PostgresStore : IStore, IAsyncDisposable
{
    private readonly PostgresOptions options;
    private readonly SemaphoreSlim opening = new(1, 1);
    private string? storeId;
    private byte[]? signingKey;
    private bool disposed;

    public PostgresStore(string connectionString, TimeProvider time, PostgresOptions options)
    {
        this.options = options;
        var s = PostgresMigrations.Quoted(options.Schema);
        Connections = new PostgresConnections(connectionString);
        Hints = new Hints(Connections, new HintSql(s, options.Schema), Looks, time);
        Segments = new PostgresSegments(this, new SegmentSql(s, options.Schema));
        Messages = new PostgresMessages(this, new MessageSql(s), new MessageInfoSql(s), new NodeSql(s));
        Nodes = new PostgresNodes(this, new NodeSql(s), new MessageSql(s));
        Queues = new PostgresQueues(this, new QueueSql(s));
        Idempotency = new PostgresIdempotency(this, new IdempotencySql(s, options.Schema));
        ApiKeys = new PostgresApiKeys(this, new ApiKeySql(s));
        Quotas = new PostgresQuotas(this, new QuotaSql(s));
        Uploads = new PostgresUploads(this, new UploadSql(s));
        Database = new PostgresDatabase(this);
    }

    public PostgresOptions Options => options;
    public PostgresConnections Connections { get; }
    public Looks Looks { get; } = new(new WorkSignal());
    public Hints Hints { get; }
    public PostgresSegments Segments { get; }
    public PostgresMessages Messages { get; }
    public PostgresNodes Nodes { get; }
    public PostgresQueues Queues { get; }
    public PostgresIdempotency Idempotency { get; }
    public PostgresApiKeys ApiKeys { get; }
    public PostgresQuotas Quotas { get; }
    public PostgresUploads Uploads { get; }
    public PostgresDatabase Database { get; }
    public string StoreId => storeId ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");
    public ReadOnlyMemory<byte> SigningKey => signingKey ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");

    public async Task OpenAsync(CancellationToken cancel)
    {
        await opening.WaitAsync(cancel);
        try
        {
            if (storeId is not null) return;
            await Connections.FindPoolerAsync(cancel);
            var server = await Server.ReadAsync(Connections, cancel);
            if (server.Weakness(options.Durability) is { } weakness) throw new StoreException(weakness);
            Connections.Limits.Learn(server.Settings);
            var migrations = new PostgresMigrations(options.Schema);
            var id = await Connections.TransactAsync(
                transaction => options.Migration == PostgresMigration.Apply ? migrations.ApplyAsync(transaction, cancel) : migrations.ValidateAsync(transaction, cancel), cancel);
            await Segments.ThrowIfRestoredAsync(cancel);
            signingKey = await Connections.ReadAsync(
                async reader => await reader.ReadAsync(cancel) ? Convert.FromHexString(reader.GetString(0)) : throw new StoreException($"The schema \"{options.Schema}\" has no signing key: its table meta was changed by hand. Restore a backup."),
                cancel, Statement.Of(new SchemaSql(PostgresMigrations.Quoted(options.Schema)).SigningKey));
            storeId = id;
            Hints.Start();
        }
        finally
        {
            opening.Release();
        }
    }

    public async ValueTask<StoreStatus> CheckAsync(CancellationToken cancel)
    {
        try
        {
            var server = await Server.ReadAsync(Connections, cancel);
            return server.Weakness(options.Durability) is { } weakness
                ? new StoreStatus(false, weakness)
                : new StoreStatus(storeId is not null, $"PostgreSQL {server.Version}, profile {options.Durability.ToString().ToLowerInvariant()}, schema version {PostgresMigrations.All[^1].Version}{(Connections.ArePooled ? ", through a pooler" : "")}");
        }
        catch (Exception e) when (e is StoreException or NpgsqlException or ObjectDisposedException)
        {
            return new StoreStatus(false, e.Message);
        }
    }

    public DatabaseFailure? Classify(Exception failure) => Errors.Classify(failure);

    // The container disposes it once for every type it is registered as.
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, true)) return;
        await Hints.DisposeAsync();
        await Connections.DisposeAsync();
        opening.Dispose();
    }
}

/// <summary>What the server says of itself, and whether that is as durable as asked.</summary>
internal sealed record Server(IReadOnlyDictionary<string, string> Settings)
{
    private const int Oldest = 130000;

    public string Version => Settings["server_version"];

    public static async Task<Server> ReadAsync(PostgresConnections connections, CancellationToken cancel) =>
        new(await connections.ReadAsync(async reader =>
        {
            var settings = new Dictionary<string, string>();
            while (await reader.ReadAsync(cancel)) settings[reader.GetString(0)] = reader.GetString(1);
            return settings;
        }, cancel, Statement.Of(SchemaSql.Durability)));

    /// <summary>Why this server cannot keep the promise; null when it can.</summary>
    public string? Weakness(PostgresDurability durability)
    {
        if (int.Parse(Settings["server_version_num"], System.Globalization.CultureInfo.InvariantCulture) < Oldest) return $"PostgreSQL {Version} is too old. Use 13 or newer.";
        if (Settings["transaction_read_only"] == "on") return "The server is read-only: a standby, or a primary that was replaced or has default_transaction_read_only on. Connect to the primary (Target Session Attributes=primary).";
        if (Settings["server_encoding"] != "UTF8") return $"The database's encoding is {Settings["server_encoding"]}; payloads are UTF-8. Make the database with ENCODING 'UTF8'.";
        foreach (var name in (ReadOnlySpan<string>)["fsync", "full_page_writes"])
        {
            if (Settings[name] != "on") return $"The server runs with {name}={Settings[name]}, so an acknowledged commit could be lost with the power. Turn it on.";
        }

        if (Settings["default_transaction_isolation"] != "read committed")
            return $"default_transaction_isolation={Settings["default_transaction_isolation"]} would let a claim work on what it saw before it had the queue's lock. Set it to 'read committed', at least for this user.";
        if (Settings["synchronous_commit"] is "off" or "local" && (durability == PostgresDurability.Quorum || Settings["synchronous_commit"] == "off"))
            return $"synchronous_commit={Settings["synchronous_commit"]} acknowledges commits too early for the profile {durability}. Set it to on.";
        if (durability == PostgresDurability.Quorum && !Settings["synchronous_standby_names"].TrimStart().StartsWith("ANY", StringComparison.OrdinalIgnoreCase))
            return "The profile Quorum needs synchronous_standby_names = 'ANY k (…)' on the server.";
        return null;
    }
}
