using System.Data.Common;

namespace Surety.Sqlite;

/// <summary>The application's own use of the file.</summary>
internal sealed class SqliteDatabase(SqliteStore store) : Database
{
    // Not async: the guard's note must reach the caller's flow.
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancel = default) => store.Writer.BeginAsync(cancel);

    public override ValueTask<DbConnection> OpenReadAsync(CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        return new(store.OpenReader());
    }
}
