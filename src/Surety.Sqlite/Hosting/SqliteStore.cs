using Microsoft.Data.Sqlite;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Migrations;
using Surety.Sqlite.Sql;
using Surety.Sqlite.Stores;
using Surety.Sqlite.Wakeups;
using Surety.Sqlite.Writer;
using Surety.Storage;

namespace Surety.Sqlite.Hosting;

/// <summary>The store on one file: its writer, its readers, and the nouns that use them.</summary>
internal sealed class SqliteStore : IStore, IAsyncDisposable
{
    private static readonly TimeSpan CheckLimit = TimeSpan.FromSeconds(2);

    private readonly SqliteFile file;
    private readonly SqliteOptions options;
    private readonly TimeProvider time;
    private readonly Failpoints failpoints;
    private readonly SteadyClock clock;
    private readonly SemaphoreSlim opening = new(1, 1);
    private readonly Readers readers;
    private readonly SqliteSession session;
    private readonly CommitWatch watch;
    private readonly WorkerLock workerLock;
    private byte[]? signingKey;

    public SqliteStore(
        string connectionString, TimeProvider time, SqliteOptions options, string? boot = null, Failpoints? failpoints = null)
    {
        (file, this.time, this.options) = (new SqliteFile(connectionString), time, options);
        this.failpoints = failpoints ?? Failpoints.None;
        clock = new SteadyClock(time, boot ?? SteadyClock.Boot());
        readers = new Readers(file);
        session = new SqliteSession(file, readers, clock, time);
        watch = new CommitWatch(file, Work);
        workerLock = new WorkerLock(file.FullPath);
        Messages = new SqliteMessages(session, new Looks(watch, Work, time));
        Nodes = new SqliteNodes(session, workerLock);
        Queues = new SqliteQueues(session);
        Idempotency = new SqliteIdempotency(session);
        ApiKeys = new SqliteApiKeys(session);
        Quotas = new SqliteQuotas(session);
        Uploads = new SqliteUploads(session);
        Database = new SqliteDatabase(session, file);
    }

    /// <summary>A store on the file, for tests and tools.</summary>
    public static SqliteStore Create(string path, TimeProvider time, SqliteOptions? options = null) =>
        new(new SqliteConnectionStringBuilder { DataSource = path }.ToString(), time, options ?? new SqliteOptions());

    public WorkSignal Work { get; } = new();
    public SqliteMessages Messages { get; }
    public SqliteNodes Nodes { get; }
    public SqliteQueues Queues { get; }
    public SqliteIdempotency Idempotency { get; }
    public SqliteApiKeys ApiKeys { get; }
    public SqliteQuotas Quotas { get; }
    public SqliteUploads Uploads { get; }
    public SqliteDatabase Database { get; }
    public SqliteWriter Writer => session.Writer;
    public DateTimeOffset Steady => session.Steady;
    public string StoreId => session.StoreId;
    public ReadOnlyMemory<byte> SigningKey => signingKey ?? throw new StoreException("The store is not open.");

    public async Task OpenAsync(CancellationToken cancel)
    {
        await opening.WaitAsync(cancel);
        try
        {
            if (session.IsOpen) return;
            var (connection, db) = await file.OpenWriterAsync(cancel);
            var id = await PrepareAsync(connection, db, cancel);
            session.Open(new SqliteWriter(connection, db, id, options, Work, failpoints), id);
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
            // Trouble is over when a write succeeds; a host that is not ready may get none, so this is one.
            if (Writer.Trouble is not null && !session.IsInUnit)
                await Writer.RunAsync(db => db.Prepare(SchemaSql.Touch).Run(), cancel).WaitAsync(CheckLimit, cancel);
            var version = session.Read(db => db.Prepare(SchemaSql.Version).Number());
            var library = SQLitePCL.raw.sqlite3_libversion().utf8_to_string();
            return new StoreStatus(
                version == SqliteMigrations.Newest,
                $"SQLite {library}, profile embedded (WAL, synchronous=FULL), schema version {version}");
        }
        catch (Exception e) when (e is StoreException or ObjectDisposedException)
        {
            return new StoreStatus(false, e.Message);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return new StoreStatus(false, Writer.Trouble ?? "The database was asked, and has not answered yet.");
        }
    }

    public DatabaseFailure? Classify(Exception failure) => Errors.Classify(failure);

    /// <summary>
    /// The connection that writes is the last to close: only such a one can put the log into the file and take it away, so that after a
    /// clean stop the file alone is complete. The lock goes after that, so that the next process finds it so.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        // The caller may block the only thread of its context until this ends (IHost.Dispose does), so nothing here may need that thread.
        var writer = session.IsOpen ? session.Writer : null;
        if (writer is not null) await writer.StopAsync().ConfigureAwait(false);
        readers.Dispose();
        watch.Dispose();
        file.ClearPool();
        writer?.Dispose();
        workerLock.Dispose();
    }

    /// <summary>Brings the file up to date and returns the store's id; closes the connection when it cannot.</summary>
    private async Task<string> PrepareAsync(WriterConnection connection, Statements db, CancellationToken cancel)
    {
        try
        {
            var id = await SqliteMigrations.ApplyAsync(connection, db, file.Name, Instants.Now(time), cancel, failpoints);
            await SqliteMigrations.InTransactionAsync(db, () => StartClock(db), cancel);
            signingKey = Convert.FromHexString(db.Prepare(SchemaSql.SigningKey).Text() ?? throw new StoreException(
                $"The database {file.Name} has no signing key: its surety_meta table was changed by hand. Restore a backup."));
            return id;
        }
        catch (Exception e)
        {
            db.Dispose();
            connection.CloseForGood();
            if (e is SqliteException failure) throw Errors.From(failure, $"The database {file.Name} cannot be brought up to date");
            throw;
        }
    }

    private bool StartClock(Statements db)
    {
        clock.Start(db, Instants.Now(time));
        return true;
    }
}
