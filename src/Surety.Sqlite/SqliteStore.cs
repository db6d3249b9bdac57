using System.Data.Common;
using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>The store on one file: its writer, its readers, and the nouns that use them.</summary>
internal sealed class SqliteStore : IStore, IAsyncDisposable
{
    private static readonly TimeSpan CheckLimit = TimeSpan.FromSeconds(2);

    private readonly SqliteFile file;
    private readonly SqliteOptions options;
    private readonly SteadyClock clock;
    private readonly SemaphoreSlim opening = new(1, 1);
    private SqliteWriter? writer;
    private string? storeId;
    private byte[]? signingKey;

    public SqliteStore(string connectionString, TimeProvider time, SqliteOptions options, string? boot = null)
    {
        (file, Time, this.options, clock) = (new SqliteFile(connectionString), time, options, new SteadyClock(time, boot ?? SteadyClock.Boot()));
        Readers = new Readers(file);
        Watch = new CommitWatch(file, Work);
        Lock = new WorkerLock(file.FullPath);
        Messages = new SqliteMessages(this);
        Nodes = new SqliteNodes(this);
        Queues = new SqliteQueues(this);
        Idempotency = new SqliteIdempotency(this);
        ApiKeys = new SqliteApiKeys(this);
        Quotas = new SqliteQuotas(this);
        Uploads = new SqliteUploads(this);
        Database = new SqliteDatabase(this);
    }

    /// <summary>A store on the file, for tests and tools.</summary>
    public static SqliteStore Create(string path, TimeProvider time, SqliteOptions? options = null) =>
        new(new SqliteConnectionStringBuilder { DataSource = path }.ToString(), time, options ?? new SqliteOptions());

    public TimeProvider Time { get; }
    public Readers Readers { get; }
    public WorkSignal Work { get; } = new();
    public CommitWatch Watch { get; }
    public WorkerLock Lock { get; }
    public SqliteMessages Messages { get; }
    public SqliteNodes Nodes { get; }
    public SqliteQueues Queues { get; }
    public SqliteIdempotency Idempotency { get; }
    public SqliteApiKeys ApiKeys { get; }
    public SqliteQuotas Quotas { get; }
    public SqliteUploads Uploads { get; }
    public SqliteDatabase Database { get; }
    public SqliteWriter Writer => writer ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");
    public string StoreId => storeId ?? throw new StoreException("The store is not open.");
    public ReadOnlyMemory<byte> SigningKey => signingKey ?? throw new StoreException("The store is not open.");

    /// <summary>The wall clock: for what people read, and for what is due at an instant that a person or a program named.</summary>
    public DateTimeOffset Now => Instants.Now(Time);

    /// <summary>The file's own time, which no clock that is set changes: for whatever is kept for a while, and for leases.</summary>
    public DateTimeOffset Steady => clock.Now;

    public async Task OpenAsync(CancellationToken cancel)
    {
        await opening.WaitAsync(cancel);
        try
        {
            if (writer is not null) return;
            var (connection, db) = await file.OpenWriterAsync(cancel);
            try
            {
                storeId = await Migrations.ApplyAsync(connection, db, file.Name, Now, cancel);
                await Migrations.InTransactionAsync(db, () => StartClock(db), cancel);
                signingKey = Convert.FromHexString(db.Prepare(SchemaSql.SigningKey).Text() ?? throw new StoreException($"The database {file.Name} has no signing key: its surety_meta table was changed by hand. Restore a backup."));
            }
            catch (Exception e)
            {
                db.Dispose();
                connection.CloseForGood();
                if (e is SqliteException failure) throw Errors.From(failure, $"The database {file.Name} cannot be brought up to date");
                throw;
            }

            writer = new SqliteWriter(connection, db, storeId, options, Work);
        }
        finally
        {
            opening.Release();
        }
    }

    /// <summary>Notes how far the file's time has come. In a transaction that writes.</summary>
    public void NoteTime(Statements db) => clock.Note(db);

    public async ValueTask<StoreStatus> CheckAsync(CancellationToken cancel)
    {
        try
        {
            // Trouble is over when a write succeeds; a host that is not ready may get none, so this is one.
            if (Writer.Trouble is not null && !AmbientUnit.IsIn(StoreId)) await Writer.RunAsync(db => db.Prepare(SchemaSql.Touch).Run(), cancel).WaitAsync(CheckLimit, cancel);
            var version = Readers.Read(db => db.Prepare(SchemaSql.Version).Number());
            return new StoreStatus(
                version == Migrations.Newest, $"SQLite {SQLitePCL.raw.sqlite3_libversion().utf8_to_string()}, profile embedded (WAL, synchronous=FULL), schema version {version}");
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

    /// <summary>Runs an operation in its own durable transaction (no transaction given), or inside the caller's.</summary>
    public ValueTask<T> WriteAsync<T>(DbTransaction? transaction, Func<Statements, T> run, CancellationToken cancel)
    {
        if (transaction is null) return new ValueTask<T>(Writer.RunAsync(run, cancel));
        cancel.ThrowIfCancellationRequested();
        try
        {
            return new ValueTask<T>(transaction is WriterTransaction own ? RunInOwn(own, run) : RunInForeign(transaction, run));
        }
        catch (SqliteException e)
        {
            throw Errors.From(e, "The write failed");
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
        if (writer is not null) await writer.StopAsync().ConfigureAwait(false);
        Readers.Dispose();
        Watch.Dispose();
        file.ClearPool();
        writer?.Dispose();
        Lock.Dispose();
    }

    public SqliteConnection OpenReader() => file.OpenReader();

    private bool StartClock(Statements db)
    {
        clock.Start(db, Now);
        return true;
    }

    private T RunInOwn<T>(WriterTransaction transaction, Func<Statements, T> run)
    {
        if (transaction.Turn.Writer != Writer)
            throw new InvalidOperationException($"The transaction belongs to another store than this host's, which keeps its messages in {file.Name}. Begin it with this host's Database.");
        return Writer.RunIn(transaction.Turn, db => WholeOrNotAtAll(db, run));
    }

    /// <summary>
    /// In a transaction on a connection of the application's own. The next claim finds the messages by itself; nobody tells us of the
    /// commit.
    /// </summary>
    private T RunInForeign<T>(DbTransaction transaction, Func<Statements, T> run)
    {
        if (transaction is not SqliteTransaction)
            throw new InvalidOperationException($"The transaction passed to this call belongs to {transaction.GetType().Namespace}, but this host stores messages in SQLite ({file.Name}).");
        if (transaction.Connection is not SqliteConnection { Handle: { } handle } connection)
            throw new InvalidOperationException("The transaction has ended, so nothing can join it. Pass one that is still open.");
        // Most often it is opened by that very name.
        if (connection.DataSource != file.FullPath && SqliteFile.PathOf(connection.DataSource) != file.FullPath)
            throw new InvalidOperationException($"The transaction passed to this call is on the database {Path.GetFileName(connection.DataSource)}, but this host stores messages in {file.Name}.");
        using var db = new Statements(handle);
        return WholeOrNotAtAll(db, run);
    }

    /// <summary>
    /// A caller may catch what a call threw and commit all the same: then nothing of that call may be left in his transaction.
    /// </summary>
    private static T WholeOrNotAtAll<T>(Statements db, Func<Statements, T> run)
    {
        db.Run(ConnectionSql.SaveCall);
        try
        {
            var result = run(db);
            db.Run(ConnectionSql.ReleaseCall);
            return result;
        }
        catch
        {
            // A full disk makes SQLite roll everything back by itself.
            if (SQLitePCL.raw.sqlite3_get_autocommit(db.Connection) == 0)
            {
                db.Run(ConnectionSql.RollbackToCall);
                db.Run(ConnectionSql.ReleaseCall);
            }

            throw;
        }
    }
}
