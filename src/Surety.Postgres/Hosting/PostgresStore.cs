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
    private readonly PostgresConnections connections;
    private readonly PostgresSession session;
    private byte[]? signingKey;
    private bool disposed;

    public PostgresStore(string connectionString, TimeProvider time, PostgresOptions options, Failpoints? failpoints = null)
    {
        this.options = options;
        var s = PostgresMigrations.Quoted(options.Schema);
        connections = new PostgresConnections(connectionString);
        session = new PostgresSession(connections, failpoints);
        var looks = new Looks(new WorkSignal());
        Hints = new Hints(connections, new HintSql(s, options.Schema), looks, time);
        Segments = new PostgresSegments(session, looks, new SegmentSql(s, options.Schema));
        var tables = new MessageTables(s);
        Messages = new PostgresMessages(session, Segments, Hints, looks, tables);
        Nodes = new PostgresNodes(session, Segments, Hints, tables.Nodes, tables.Messages);
        Queues = new PostgresQueues(session, Hints, tables.Queues);
        Idempotency = new PostgresIdempotency(session, new IdempotencySql(s, options.Schema));
        ApiKeys = new PostgresApiKeys(session, new ApiKeySql(s));
        Quotas = new PostgresQuotas(session, new QuotaSql(s));
        Uploads = new PostgresUploads(session, new UploadSql(s));
        Database = new PostgresDatabase(connections, session, Hints, options.UnitOfWorkTimeout);
    }

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
    public string StoreId => session.StoreId;
    public ReadOnlyMemory<byte> SigningKey =>
        signingKey
            ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");

    public async Task OpenAsync(CancellationToken cancel)
    {
        await opening.WaitAsync(cancel);
        try
        {
            if (session.IsOpen) return;
            await connections.FindPoolerAsync(cancel);
            var server = await Server.ReadAsync(session, cancel);
            if (server.Weakness(options.Durability) is { } weakness) throw new StoreException(weakness);
            connections.Limits.Learn(server.Settings);
            var migrations = new PostgresMigrations(options.Schema);
            var id = await session.TransactAsync(transaction => options.Migration == PostgresMigration.Apply
                ? migrations.ApplyAsync(transaction, cancel)
                : migrations.ValidateAsync(transaction, cancel), cancel);
            await Segments.ThrowIfRestoredAsync(cancel);
            signingKey = await ReadSigningKeyAsync(cancel);
            session.StoreId = id;
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
            var server = await Server.ReadAsync(session, cancel);
            if (server.Weakness(options.Durability) is { } weakness) return new StoreStatus(false, weakness);
            var profile = options.Durability.ToString().ToLowerInvariant();
            var pooler = connections.ArePooled ? ", through a pooler" : "";
            return new StoreStatus(
                session.IsOpen,
                $"PostgreSQL {server.Version}, profile {profile}, schema version {PostgresMigrations.All[^1].Version}{pooler}");
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
        // The caller may block the only thread of its context until this ends (IHost.Dispose does), so nothing here may need that thread.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await Hints.DisposeAsync();
        await connections.DisposeAsync();
        opening.Dispose();
    }

    private ValueTask<byte[]> ReadSigningKeyAsync(CancellationToken cancel) => session.ReadAsync(
        async reader => await reader.ReadAsync(cancel)
            ? Convert.FromHexString(reader.GetString(0))
            : throw new StoreException(
                $"The schema \"{options.Schema}\" has no signing key: its table meta was changed by hand. Restore a backup."),
        cancel,
        Statement.Of(new SchemaSql(PostgresMigrations.Quoted(options.Schema)).SigningKey));
}
