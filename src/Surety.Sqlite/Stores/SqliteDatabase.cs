using System.Data.Common;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Writer;

namespace Surety.Sqlite.Stores;

/// <summary>The application's own use of the file.</summary>
internal sealed class SqliteDatabase(SqliteSession session, SqliteFile file) : SuretyDatabase
{
    // Not async: the caller's flow is marked with the unit of work.
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancellationToken = default)
    {
        // In this order: a store that is not open says how to open it.
        var writer = session.Writer;
        AmbientUnit.CheckLock(session.StoreId, nameof(BeginAsync), AmbientUnit.UseIt);
        return new(BeginAsync(writer.BeginAsync(AmbientUnit.Enter(session.StoreId), cancellationToken)));
    }

    public override ValueTask<DbConnection> OpenReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(file.OpenReader());
    }

    private static async Task<OwnedUnitOfWork> BeginAsync(Task<UnitTurn> turn) => new SqliteUnitOfWork(await turn);
}
