using System.Data;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Wakeups;

namespace Surety.Postgres.Stores;

/// <summary>The application's own use of the database.</summary>
/// <param name="connections">Where it gets them.</param>
/// <param name="session">Knows the data.</param>
/// <param name="hints">Wake workers after a commit.</param>
/// <param name="timeout">Of a unit of work for which nobody says another.</param>
internal sealed class PostgresDatabase(PostgresConnections connections, PostgresSession session, Hints hints, TimeSpan timeout) : Database
{
    // Not async: the caller's flow is marked with the unit of work.
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancellationToken = default) =>
        BeginWithinAsync(timeout, cancellationToken);

    internal override ValueTask<OwnedUnitOfWork> BeginWithinAsync(TimeSpan within, CancellationToken cancel)
    {
        session.ThrowIfBeside(nameof(BeginAsync), AmbientUnit.UseIt);
        return BeginAsync(AmbientUnit.Enter(session.StoreId), within, cancel);
    }

    public override async ValueTask<DbConnection> OpenReadAsync(CancellationToken cancellationToken = default) =>
        await connections.OpenAsync(cancellationToken);

    private async ValueTask<OwnedUnitOfWork> BeginAsync(AmbientUnit unit, TimeSpan within, CancellationToken cancel)
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = await connections.OpenAsync(cancel);
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
            await connections.Limits.SetAsync(transaction, within, idleOnly: false, cancel);
            hints.Began(transaction);
            return new PostgresUnitOfWork(session.Gate, connection, transaction, hints, unit);
        }
        catch (Exception e)
        {
            unit.End();
            var isTrouble = DriverFault.Is(e, connection);
            var failure = isTrouble
                ? Errors.From(DriverFault.Known(e, connection), "The transaction could not begin", unreachable: true)
                : e;
            if (connection is not null) await connection.DisposeAsync();
            if (isTrouble) throw failure;
            throw;
        }
    }
}
