using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Surety.Sqlite.Sql;
using Surety.Storage;

#pragma warning disable RS0030 // Real time, as its waits are for the disk; and the pool's own threads, which it blocks.

namespace Surety.Sqlite.Writer;

/// <summary>
/// Owns the only connection that writes, and one loop. Each turn of the loop is one transaction shared by all who were waiting: one
/// fdatasync for many. Nobody hears of his success, or of anything he read, before that commit is durable.
/// </summary>
internal sealed class SqliteWriter : IDisposable
{
    // How long a turn goes on taking members in before it commits: a bound on what the first member waits for the last.
    private static readonly TimeSpan TurnBudget = TimeSpan.FromMilliseconds(5);

    // The writer, and a reader.
    private const int BlockedThreads = 2;

    private readonly Statements db;
    private readonly WorkSignal work;
    private readonly Failpoints failpoints;
    private readonly WriteQueue queue;
    private readonly string storeId;
    private readonly List<WriteItem> members = [];
    private readonly Task loop;

    // COMMIT was called: from then on nothing but SQLite's own word says that the group is not stored.
    private bool sent;

    public SqliteWriter(
        WriterConnection connection, Statements db, string storeId, SqliteOptions options, WorkSignal work, Failpoints failpoints)
    {
        (Connection, this.db, this.storeId, Options, this.work) = (connection, db, storeId, options, work);
        this.failpoints = failpoints;
        queue = new WriteQueue(options.MaxWaitingWriters, options.WriteWaitLimit);
        connection.ForbidTransactionControl();
        KeepThreads();
        // The loop outlives the caller that opened the store. It must not carry that caller's ambient values, its unit of work above all.
        using (ExecutionContext.SuppressFlow()) loop = RunAsync();
    }

    public WriterConnection Connection { get; }

    public SqliteOptions Options { get; }

    /// <summary>Why the last transaction failed; null since one succeeded.</summary>
    public string? Trouble { get; private set; }

    /// <summary>Runs an operation in the next group; completes when it is durable.</summary>
    public Task<T> RunAsync<T>(Func<Statements, T> run, CancellationToken cancel)
    {
        AmbientUnit.CheckLock(storeId, "A method that writes", AmbientUnit.Pass);
        var operation = new WriteOperation<T>(run);
        queue.Add(operation, cancel);
        return operation.Done;
    }

    /// <summary>A turn for a user's unit of work, once it has begun.</summary>
    /// <param name="unit">The mark of the user's flow of control; it ends with the turn, or at once when there is none.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public async Task<UnitTurn> BeginAsync(AmbientUnit unit, CancellationToken cancel)
    {
        try
        {
            var turn = new UnitTurn(this, unit);
            queue.Add(turn, cancel);
            await turn.Granted;
            return turn;
        }
        catch
        {
            unit.End();
            throw;
        }
    }

    /// <summary>Runs the store's own statements inside a unit of work.</summary>
    public T RunIn<T>(UnitTurn turn, Func<Statements, T> run) => Connection.Run(turn, () => run(db));

    /// <summary>Takes nothing more, and ends what waits for its turn.</summary>
    public Task StopAsync()
    {
        queue.Close();
        return loop;
    }

    /// <summary>Closes the connection, once it is stopped and nothing of this process reads any more.</summary>
    public void Dispose()
    {
        queue.Dispose();
        db.Dispose();
        Connection.EmptyLogAndClose();
    }

    /// <summary>
    /// A thread that syncs the disk is one of the pool's, and runs nothing else meanwhile; so is one that reads. Were the pool at its
    /// minimum, the number of processors, then on two of them half would be gone with each commit, and requests that are only to be refused
    /// would wait, too. An overload on two processors had such waits and none with these two threads more; the pool itself was not watched.
    /// </summary>
    private static void KeepThreads()
    {
        ThreadPool.GetMinThreads(out var workers, out var completions);
        if (workers < Environment.ProcessorCount + BlockedThreads)
            ThreadPool.SetMinThreads(Environment.ProcessorCount + BlockedThreads, completions);
    }

    private async Task RunAsync()
    {
        // Off the context of the caller that opens the store: its thread may block until this loop has ended.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (await queue.WaitAsync())
        {
            members.Clear();
            sent = false;
            try
            {
                if (!await BeginTurnAsync()) continue;
                await FillTurnAsync();
                Commit();
            }
            catch (Exception e)
            {
                Abandon(e as StoreException ?? (e is SqliteException failure
                    ? Errors.From(failure, "The write failed", sent && Errors.LeavesDoubt(failure))
                    : new StoreException($"The write failed: {e.Message}", isTransient: sent, inDoubt: sent, innerException: e)));
            }
        }
    }

    /// <summary>
    /// Takes the write lock, however long another process or connection keeps it; those who wait give up by themselves when their limit is
    /// over.
    /// </summary>
    private async Task<bool> BeginTurnAsync()
    {
        while (true)
        {
            try
            {
                db.Run(ConnectionSql.Begin);
                return true;
            }
            catch (SqliteException e) when (e.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED)
            {
                if (queue.IsEmpty) return false;
                // Polled, because SQLite has no queue for its lock; its own busy handler sleeps for up to a second and would starve us
                // behind a busy process.
                await Task.Delay(1);
            }
            catch (SqliteException e)
            {
                var failure = Errors.From(e, "The write could not begin");
                Trouble = failure.Message;
                while (queue.TryTake(out var item)) item.Fail(failure);
                return false;
            }
        }
    }

    private async Task FillTurnAsync()
    {
        var began = Stopwatch.GetTimestamp();
        while (queue.TryTake(out var item))
        {
            members.Add(item);
            if (item is UnitTurn turn) await RunUnitAsync(turn);
            else ((IWriteOperation)item).Run(db);

            if (raw.sqlite3_get_autocommit(db.Connection) != 0) throw RolledBack(item);
            if (Stopwatch.GetElapsedTime(began) >= TurnBudget) return;
        }
    }

    private async Task RunUnitAsync(UnitTurn turn)
    {
        db.Run(ConnectionSql.Save);
        Connection.Grant(turn);
        turn.Grant();
        try
        {
            await turn.Ended.WaitAsync(Options.UnitOfWorkTimeout);
        }
        catch (TimeoutException)
        {
            turn.TryEnd(UnitEnding.Expired);
        }

        Connection.TakeBack(interrupt: turn.Ending != UnitEnding.Commit);
        if (raw.sqlite3_get_autocommit(db.Connection) != 0) return;

        if (turn.Ending == UnitEnding.Commit && HasUnresolvedForeignKeys())
        {
            turn.Error = Errors.From(
                new SqliteException("FOREIGN KEY constraint failed", raw.SQLITE_CONSTRAINT, raw.SQLITE_CONSTRAINT_FOREIGNKEY),
                "The commit failed, as a deferred foreign key is violated");
        }

        if (turn.Ending != UnitEnding.Commit || turn.Error is not null) db.Run(ConnectionSql.RollbackToSave);
        db.Run(ConnectionSql.Release);
    }

    /// <summary>Deferred constraints are checked by the group's COMMIT, where one member's violation would fail all.</summary>
    private bool HasUnresolvedForeignKeys()
    {
        const int deferredForeignKeys = 10;
        raw.sqlite3_db_status(db.Connection, deferredForeignKeys, out var unresolved, out _, 0);
        return unresolved != 0;
    }

    private void Commit()
    {
        if (members.Count == 0)
        {
            db.Run(ConnectionSql.Rollback);
            return;
        }

        sent = true;
        try
        {
            db.Run(ConnectionSql.Commit);
        }
        catch (SqliteException e)
        {
            throw Errors.From(e, "The commit failed", Errors.LeavesDoubt(e));
        }

        failpoints.Pass(Failpoint.CommitSent);
        Trouble = null;
        foreach (var member in members) member.Complete();
        if (!db.MadeWork) return;
        db.MadeWork = false;
        work.Pulse();
    }

    /// <summary>Every member of the group hears why nothing of it is stored.</summary>
    private void Abandon(StoreException reason)
    {
        Trouble = reason.Message;
        try
        {
            if (raw.sqlite3_get_autocommit(db.Connection) == 0) db.Run(ConnectionSql.Rollback);
        }
        catch (SqliteException)
        {
            // BEGIN fails next time, and says why.
        }

        foreach (var member in members) member.Fail(reason);
    }

    /// <summary>What the others of the turn are told when SQLite itself rolled everything back while one of them ran.</summary>
    private StoreException RolledBack(WriteItem culprit)
    {
        var code = raw.sqlite3_errcode(db.Connection);
        var extended = raw.sqlite3_extended_errcode(db.Connection);
        var reason = Errors.From(
            new SqliteException(raw.sqlite3_errmsg(db.Connection).utf8_to_string(), code & 0xff, extended),
            "SQLite rolled the transaction back");
        // A full disk fails all of them. A statement that ends the transaction (ON CONFLICT ROLLBACK, RAISE(ROLLBACK)) is its own member's.
        if (reason.Kind != FailureKind.Mistake) return reason;
        members.Remove(culprit);
        culprit.Fail(reason);
        return new StoreException(
            "Another transaction of the same turn had SQLite roll all of them back. Try again.",
            FailureKind.LostRace,
            innerException: reason);
    }
}
