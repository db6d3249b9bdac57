namespace Surety.Sqlite.Writer;

/// <summary>
/// A unit of work's turn at the write lock: granted by the writer, worked in by the user, given back with the wish to commit or to roll
/// back.
/// </summary>
internal sealed class UnitTurn : WriteItem
{
    private readonly TaskCompletionSource granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AmbientUnit unit;
    private int ending;

    public UnitTurn(SqliteWriter writer, AmbientUnit unit)
    {
        (Writer, this.unit) = (writer, unit);
        Transaction = new WriterTransaction(this);
    }

    public SqliteWriter Writer { get; }

    public WriterTransaction Transaction { get; }

    public UnitEnding Ending => (UnitEnding)Volatile.Read(ref ending);

    /// <summary>Completes when the user may begin.</summary>
    public Task Granted => granted.Task;

    /// <summary>Completes when the user's part is over.</summary>
    public Task Ended => ended.Task;

    /// <summary>Completes with the group's commit.</summary>
    public Task Done => done.Task;

    /// <summary>Why this member failed though its group did not.</summary>
    public Exception? Error { get; set; }

    public void Grant() => granted.TrySetResult();

    /// <summary>Ends the user's part; false when it had ended already.</summary>
    public bool TryEnd(UnitEnding how)
    {
        if (Interlocked.CompareExchange(ref ending, (int)how, (int)UnitEnding.None) != (int)UnitEnding.None) return false;
        unit.End();
        ended.TrySetResult();
        return true;
    }

    public override void Complete()
    {
        if (Error is null)
        {
            done.TrySetResult();
            return;
        }

        done.TrySetException(Error);
        Observe();
    }

    public override void Fail(Exception reason)
    {
        if (reason is OperationCanceledException canceled) granted.TrySetCanceled(canceled.CancellationToken);
        else granted.TrySetException(reason);
        done.TrySetException(Error ?? reason);
        Observe();
    }

    /// <summary>What a use after the end has to hear: one that was held too long has lost its time, any other use is a mistake.</summary>
    public Exception UsedAfterEnd() =>
        Ending == UnitEnding.Expired ? new StoreException(EndedText(), FailureKind.LostRace) : new InvalidOperationException(EndedText());

    private string EndedText() => Ending == UnitEnding.Expired
        ? $"This unit of work held the database's write lock for longer than UnitOfWorkTimeout "
            + $"({Writer.Options.UnitOfWorkTimeout.TotalSeconds} s) and was rolled back. Keep it short: call no other service between "
            + "begin and commit."
        : "This unit of work has ended. Begin a new one.";

    // Nobody may be left to ask, as after an expiry.
    private void Observe() => _ = done.Task.Exception;
}

/// <summary>How the user's part of a unit of work ended.</summary>
internal enum UnitEnding
{
    None,
    Commit,
    Rollback,

    /// <summary>It was held too long; the writer rolled it back.</summary>
    Expired,
}
