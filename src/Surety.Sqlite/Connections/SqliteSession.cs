using System.Data.Common;
using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;
using Surety.Sqlite.Writer;

namespace Surety.Sqlite.Connections;

/// <summary>
/// Runs statements: reads, writes that commit by themselves, and writes inside the caller's transaction; and tells the time. It is all of
/// the store that a noun knows.
/// </summary>
internal sealed class SqliteSession(SqliteFile file, Readers readers, SteadyClock clock, TimeProvider time)
{
    private SqliteWriter? writer;
    private string? storeId;

    public bool IsOpen => writer is not null;

    /// <exception cref="StoreException">The store is not open.</exception>
    public SqliteWriter Writer =>
        writer ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");

    /// <summary>Names the data; there is none before the store is open.</summary>
    /// <exception cref="StoreException">The store is not open.</exception>
    public string StoreId => storeId ?? throw new StoreException("The store is not open.");

    /// <summary>The wall clock: for what people read, and for what is due at an instant that a person or a program named.</summary>
    public DateTimeOffset Now => Instants.Now(time);

    /// <summary>The file's own time, which no clock that is set changes: for what is kept for a while, and for leases.</summary>
    public DateTimeOffset Steady => clock.Now;

    /// <summary>
    /// Whether the caller's flow of control is in a unit of work on this data: then it may read, and a write would wait for itself.
    /// </summary>
    public bool IsInUnit => AmbientUnit.IsIn(StoreId);

    public void Open(SqliteWriter opened, string id) => (writer, storeId) = (opened, id);

    /// <summary>Refuses a public call that writes when its flow of control is in a unit of work on this data.</summary>
    public void ThrowIfBeside(string call, string advice = AmbientUnit.TakesNoPart)
    {
        if (AmbientUnit.IsAny) AmbientUnit.Check(StoreId, call, advice);
    }

    /// <summary>Notes how far the file's time has come. In a transaction that writes.</summary>
    public void NoteTime(Statements db) => clock.Note(db);

    public T Read<T>(Func<Statements, T> read) => readers.Read(read);

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

    /// <inheritdoc cref="WriteAsync{T}(DbTransaction, Func{Statements, T}, CancellationToken)"/>
    public async ValueTask WriteAsync(DbTransaction? transaction, Action<Statements> run, CancellationToken cancel) =>
        await WriteAsync(transaction, db =>
        {
            run(db);
            return true;
        }, cancel);

    private T RunInOwn<T>(WriterTransaction transaction, Func<Statements, T> run)
    {
        if (transaction.Turn.Writer != Writer)
            throw new InvalidOperationException(
                $"The transaction belongs to another store than this host's, which keeps its messages in {file.Name}. Begin it with this "
                    + "host's SuretyDatabase.");
        return Writer.RunIn(transaction.Turn, db => WholeOrNotAtAll(db, run));
    }

    /// <summary>
    /// In a transaction on a connection of the application's own. The next claim finds the messages by itself; nobody tells us of the
    /// commit.
    /// </summary>
    private T RunInForeign<T>(DbTransaction transaction, Func<Statements, T> run)
    {
        if (transaction is not SqliteTransaction)
            throw new InvalidOperationException(
                $"The transaction passed to this call belongs to {transaction.GetType().Namespace}, but this host stores messages in "
                    + $"SQLite ({file.Name}).");
        if (transaction.Connection is not SqliteConnection { Handle: { } handle } connection)
            throw new InvalidOperationException("The transaction has ended, so nothing can join it. Pass one that is still open.");
        // Most often it is opened by that very name.
        if (connection.DataSource != file.FullPath && SqliteFile.PathOf(connection.DataSource) != file.FullPath)
            throw new InvalidOperationException(
                $"The transaction passed to this call is on the database {Path.GetFileName(connection.DataSource)}, but this host stores "
                    + $"messages in {file.Name}.");
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
