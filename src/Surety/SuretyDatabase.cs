using System.Data.Common;

namespace Surety;

/// <summary>
/// The application's own database, in which Surety keeps its messages too. Injected as a singleton; this is where a command outside the
/// idempotent endpoints begins its transaction.
/// </summary>
public abstract class SuretyDatabase
{
    /// <summary>
    /// Begins a transaction that may write. Messages enqueued with it, business rows and settling commit together.
    /// </summary>
    /// <remarks>
    /// On SQLite this waits its turn for the only write lock (first come, first served); transactions that finish within one turn share one
    /// commit to disk.
    /// </remarks>
    /// <param name="cancellationToken">Gives up waiting for the transaction to begin; has no effect later.</param>
    /// <exception cref="StoreException">The database cannot be reached, or the wait for the write lock passed its limit.</exception>
    /// <exception cref="InvalidOperationException">
    /// The same flow of control already works in a unit of work that has not ended: one that it began, an endpoint's or a handler's. Use
    /// that one, or see <see cref="UnitOfWork.Suppress"/>.
    /// </exception>
    public abstract ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancellationToken = default);

    /// <summary>As <see cref="BeginAsync"/>, for work with a time limit of its own, which a store may hold it to.</summary>
    internal virtual ValueTask<OwnedUnitOfWork> BeginWithinAsync(TimeSpan within, CancellationToken cancel) => BeginAsync(cancel);

    /// <summary>Opens a connection for reading. Dispose it to give it back. On SQLite its statements cannot write.</summary>
    public abstract ValueTask<DbConnection> OpenReadAsync(CancellationToken cancellationToken = default);
}

/// <summary>
/// A transaction under way, as its participants see it: they work in it, somebody else commits it. Converts to <see cref="DbTransaction"/>,
/// so plain ADO.NET, Dapper and EF Core take it.
/// </summary>
public abstract class UnitOfWork
{
    /// <summary>The transaction. Commands on its connection must carry it.</summary>
    /// <exception cref="InvalidOperationException">The unit of work has ended, or (in an endpoint) was never begun.</exception>
    public abstract DbTransaction Transaction { get; }

    /// <summary>The transaction's connection.</summary>
    /// <exception cref="InvalidOperationException">As for <see cref="Transaction"/>.</exception>
    public DbConnection Connection => Transaction.Connection!;

    /// <summary>
    /// Says of the calls up to its disposal that they are meant to be outside of the unit of work that this flow of control works in, and
    /// stay whatever becomes of it. Without it, a call that writes and
    /// does not take the unit of work along throws <see cref="InvalidOperationException"/>: <c>queue.EnqueueAsync(message)</c> inside a
    /// transactional handler, for one.
    /// </summary>
    /// <remarks>
    /// <c>using (UnitOfWork.Suppress()) await queue.EnqueueAsync(message);</c> Dispose it in the method that called it. On SQLite, where a
    /// unit of work is the database's only write lock, such a call
    /// would wait for itself and throws all the same: make it before the unit of work begins, or after it has ended. Reads need none of
    /// this.
    /// </remarks>
    public static IDisposable Suppress() => AmbientUnit.Suppress();

    /// <summary>The transaction itself, for calls that take a <see cref="DbTransaction"/>.</summary>
    public static implicit operator DbTransaction(UnitOfWork work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return work.Transaction;
    }
}

/// <summary>A unit of work together with the right to end it. Disposing without a commit rolls back.</summary>
public abstract class OwnedUnitOfWork : UnitOfWork, IAsyncDisposable
{
    /// <summary>Whether its connection broke under it; one that its borrower has closed did not.</summary>
    internal virtual bool IsBroken => false;

    /// <summary>
    /// Commits, and returns only when the commit is durable at the store's profile. There is no cancellation: a commit that was sent cannot
    /// be taken back.
    /// </summary>
    /// <exception cref="StoreException">
    /// It did not commit (<see cref="StoreException.InDoubt"/> false: no effect), or nobody can know yet (true).
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The unit of work has ended, or its transaction was ended by code that it was lent to.
    /// </exception>
    public abstract Task CommitAsync();

    /// <summary>
    /// Rolls back, and returns when everything that this transaction could have read is durable. Safe after a failure; does nothing once
    /// ended.
    /// </summary>
    public abstract Task RollbackAsync();

    /// <summary>Rolls back unless committed.</summary>
    public abstract ValueTask DisposeAsync();
}
