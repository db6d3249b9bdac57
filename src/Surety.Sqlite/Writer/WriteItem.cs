using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;

// Waits for the database are real, whatever clock the host was given: by one that stands still they would never end.
#pragma warning disable RS0030

namespace Surety.Sqlite.Writer;

/// <summary>One thing that waits for its turn at the write lock, and completes only when its group's commit has.</summary>
internal abstract class WriteItem
{
    private const int Waiting = 0, Taken = 1, Abandoned = 2;
    private int state;

    public long EnqueuedAt { get; } = Stopwatch.GetTimestamp();

    public CancellationTokenRegistration Registration { get; set; }

    /// <summary>Begins its turn; false when it has given up.</summary>
    public bool TryTake()
    {
        if (Interlocked.CompareExchange(ref state, Taken, Waiting) != Waiting) return false;
        Registration.Unregister();
        return true;
    }

    /// <summary>Gives up waiting; false when its turn has begun.</summary>
    public bool TryAbandon(Exception reason)
    {
        if (Interlocked.CompareExchange(ref state, Abandoned, Waiting) != Waiting) return false;
        Fail(reason);
        return true;
    }

    /// <summary>The group is durable: hands out what this member came to, its own failure included.</summary>
    public abstract void Complete();

    /// <summary>The group is not durable, or there never was one.</summary>
    public abstract void Fail(Exception reason);
}

/// <summary>A store operation: runs at once, in a savepoint of its own.</summary>
internal sealed class WriteOperation<T>(Func<Statements, T> run) : WriteItem, IWriteOperation
{
    private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? result;
    private Exception? error;

    public Task<T> Done => done.Task;

    public void Run(Statements db)
    {
        db.Run(ConnectionSql.Save);
        try
        {
            result = run(db);
        }
        catch (Exception e)
        {
            error = e is SqliteException failure ? Errors.From(failure, "The write failed") : e;
            // SQLite may have rolled everything back by itself; the writer notices.
            if (SQLitePCL.raw.sqlite3_get_autocommit(db.Connection) != 0) return;
            db.Run(ConnectionSql.RollbackToSave);
        }

        db.Run(ConnectionSql.Release);
    }

    public override void Complete()
    {
        if (error is null) done.TrySetResult(result!);
        else done.TrySetException(error);
    }

    public override void Fail(Exception reason)
    {
        if (reason is OperationCanceledException canceled) done.TrySetCanceled(canceled.CancellationToken);
        else done.TrySetException(error ?? reason);
    }
}

internal interface IWriteOperation
{
    void Run(Statements db);
}
