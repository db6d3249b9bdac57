using System.Data;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;

namespace Surety.Postgres.Stores;

/// <summary>A transaction on a connection of its own, which ends through the commit gate.</summary>
internal sealed class PostgresUnitOfWork(
    CommitGate gate, NpgsqlConnection connection, NpgsqlTransaction transaction, Hints hints, AmbientUnit unit) : OwnedUnitOfWork
{
    private bool ended;

    public override DbTransaction Transaction =>
        ended ? throw new InvalidOperationException("This unit of work has ended. Begin a new one.") : transaction;

    internal override bool IsBroken => connection.FullState == ConnectionState.Broken;

    public override Task CommitAsync() => EndAsync(() => gate.CommitLentAsync(transaction, connection));

    /// <summary>Commits together with a last statement, in one round trip.</summary>
    /// <param name="last">That statement.</param>
    /// <param name="saysNo">Whether it failed because it did not find what it needs: the claim, or the key.</param>
    /// <returns>False, and rolled back, when it said no.</returns>
    public async Task<bool> CommitAsync(NpgsqlBatchCommand last, Func<PostgresException, bool> saysNo)
    {
        try
        {
            await EndAsync(() => gate.RunAsync(connection, static async state =>
            {
                await using var batch = new NpgsqlBatch(state.connection, state.transaction);
                batch.BatchCommands.Add(state.last);
                batch.BatchCommands.Add(new NpgsqlBatchCommand(Statement.Commit));
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
            throw new InvalidOperationException(
                "This unit of work's transaction had ended before its commit. Code that is lent a unit of work must neither commit nor "
                    + "roll back its transaction, nor close its connection.",
                e.InnerException);
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
