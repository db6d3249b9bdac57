using System.Data;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Hosting;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>The application's own use of the database.</summary>
internal sealed class PostgresDatabase(PostgresStore store) : Database
{
    // Not async: the caller's flow is marked with the unit of work.
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancel = default) => BeginWithinAsync(store.Options.UnitOfWorkTimeout, cancel);

    internal override ValueTask<OwnedUnitOfWork> BeginWithinAsync(TimeSpan within, CancellationToken cancel)
    {
        store.ThrowIfBeside(nameof(BeginAsync), AmbientUnit.UseIt);
        return BeginAsync(AmbientUnit.Enter(store.StoreId), within, cancel);
    }

    public override async ValueTask<DbConnection> OpenReadAsync(CancellationToken cancel = default) => await store.Connections.OpenAsync(cancel);

    private async ValueTask<OwnedUnitOfWork> BeginAsync(AmbientUnit unit, TimeSpan within, CancellationToken cancel)
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = await store.Connections.OpenAsync(cancel);
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
            await store.Connections.Limits.SetAsync(transaction, within, idleOnly: false, cancel);
            store.Hints.Began(transaction);
            return new PostgresUnitOfWork(connection, transaction, store.Hints, unit);
        }
        catch (Exception e)
        {
            unit.End();
            var isTrouble = DriverFault.Is(e, connection);
            var failure = isTrouble ? Errors.From(DriverFault.Known(e, connection), "The transaction could not begin", unreachable: true) : e;
            if (connection is not null) await connection.DisposeAsync();
            if (isTrouble) throw failure;
            throw;
        }
    }
}

/// <summary>A transaction on a connection of its own, which ends through the commit gate.</summary>
internal sealed class PostgresUnitOfWork(NpgsqlConnection connection, NpgsqlTransaction transaction, Hints hints, AmbientUnit unit) : OwnedUnitOfWork
{
    private bool ended;

    public override DbTransaction Transaction => ended ? throw new InvalidOperationException("This unit of work has ended. Begin a new one.") : transaction;

    internal override bool IsBroken => connection.FullState == ConnectionState.Broken;

    public override Task CommitAsync() => EndAsync(() => CommitGate.CommitLentAsync(transaction, connection));

    /// <summary>Commits together with a last statement, in one round trip.</summary>
    /// <param name="last">That statement.</param>
    /// <param name="saysNo">Whether it failed because it did not find what it needs: the claim, or the key.</param>
    /// <returns>False, and rolled back, when it said no.</returns>
    public async Task<bool> CommitAsync(NpgsqlBatchCommand last, Func<PostgresException, bool> saysNo)
    {
        try
        {
            await EndAsync(() => CommitGate.RunAsync(connection, static async state =>
            {
                await using var batch = new NpgsqlBatch(state.connection, state.transaction) { BatchCommands = { state.last, new NpgsqlBatchCommand(Sql.Statement.Commit) } };
                return await batch.ExecuteNonQueryAsync(CancellationToken.None);
            }, (connection, transaction, last), "The commit failed"));
            return true;
        }
        catch (StoreException e) when (e.InnerException is PostgresException cause && saysNo(cause))
        {
            return false;
        }
    }

    public override async Task RollbackAsync()
    {
        if (ended) return;
        ended = true;
        unit.End();
        // Disposing rolls back, and breaks the connection rather than leaving the transaction open.
        await CloseAsync();
    }

    public override async ValueTask DisposeAsync() => await RollbackAsync();

    private async Task EndAsync(Func<Task> commit)
    {
        if (ended) throw new InvalidOperationException("This unit of work has ended. Begin a new one.");
        ended = true;
        unit.End();
        try
        {
            await commit();
            hints.Ended(transaction, committed: true);
        }
        catch (Exception e) when (Errors.IsConflict(e))
        {
            throw Errors.From(e, "The commit failed");
        }
        catch (StoreException e) when (e.InnerException is InvalidOperationException)
        {
            throw new InvalidOperationException("This unit of work's transaction had ended before its commit. Code that is lent a unit of work must neither commit nor roll back its transaction, nor close its connection.", e.InnerException);
        }
        finally
        {
            await CloseAsync();
        }
    }

    private async ValueTask CloseAsync()
    {
        hints.Ended(transaction, committed: false);
        try
        {
            await transaction.DisposeAsync();
        }
        catch (Exception)
        {
            // Whatever a broken connection throws: the server rolls back what it leaves, and an answer that is known already must not be
            // lost to it.
        }

        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception)
        {
            // As above.
        }
    }
}
