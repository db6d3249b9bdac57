using Npgsql;
using Surety.Postgres.Sql;

namespace Surety.Postgres.Connections;

/// <summary>
/// The only road to an accepted answer: runs whatever commits, and returns only when that commit is known to be durable. It cannot be
/// cancelled. Three things the library does not report by itself count as doubt here: a commit that gave up waiting for its standbys (the
/// server says so in a mere notice), one whose connection broke, and one whose answer timed out.
/// </summary>
internal sealed class CommitGate(Failpoints failpoints)
{
    public Task CommitAsync(NpgsqlTransaction transaction, NpgsqlConnection connection) =>
        RunAsync(connection, static async transaction =>
        {
            await transaction.CommitAsync(CancellationToken.None);
            return true;
        }, transaction, "The commit failed");

    /// <summary>
    /// As <see cref="CommitAsync"/>, of a transaction that was lent out. One in which a statement failed answers COMMIT with ROLLBACK,
    /// which the library takes for a success: somebody caught the error and went on. So another statement goes before it, in the same round
    /// trip, which such a transaction refuses.
    /// </summary>
    public Task CommitLentAsync(NpgsqlTransaction transaction, NpgsqlConnection connection) =>
        RunAsync(connection, static async state =>
        {
            // Asking throws, too, when the borrower has ended it.
            if (state.transaction.Connection is null) throw new InvalidOperationException("The transaction has ended.");
            await using var batch = new NpgsqlBatch(state.connection, state.transaction);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Statement.Nothing));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Statement.Commit));
            return await batch.ExecuteNonQueryAsync(CancellationToken.None);
        }, (connection, transaction), "The commit failed");

    /// <param name="connection">Where the commit happens.</param>
    /// <param name="run">Sends it and reads all of its answer.</param>
    /// <param name="state">For <paramref name="run"/>.</param>
    /// <param name="doing">For people.</param>
    public async Task<T> RunAsync<T, TState>(NpgsqlConnection connection, Func<TState, Task<T>> run, TState state, string doing)
    {
        string? gaveUp = null;
        void Notice(object sender, NpgsqlNoticeEventArgs e)
        {
            // 01000 "canceling wait for synchronous replication"; with a terminated backend the same comes as 57P01.
            if (e.Notice.SqlState is "01000" or "57P01"
                && e.Notice.MessageText.Contains("synchronous replication", StringComparison.Ordinal))
                gaveUp = e.Notice.MessageText;
        }

        connection.Notice += Notice;
        try
        {
            var running = run(state);
            failpoints.Pass(Failpoint.PostgresCommitSent);
            var result = await running;
            if (gaveUp is not null)
                throw new StoreException(
                    $"{doing}: it is on this server, but the server stopped waiting for its standbys ({gaveUp}).",
                    isTransient: true,
                    inDoubt: true);
            return result;
        }
        catch (Exception e) when (e is not StoreException && !(Errors.IsConflict(e) && gaveUp is null))
        {
            throw Errors.From(DriverFault.Known(e, connection), doing, inDoubt: gaveUp is not null || Errors.LeavesDoubt(e));
        }
        finally
        {
            connection.Notice -= Notice;
        }
    }
}
