using System.Data.Common;
using Surety.Sqlite.Hosting;

namespace Surety.Sqlite.Stores;

/// <summary>The application's own use of the file.</summary>
internal sealed class SqliteDatabase(SqliteStore store) : Database
{
    // Not async: the caller's flow is marked with the unit of work.
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancel = default) => store.Writer.BeginAsync(cancel);

    public override ValueTask<DbConnection> OpenReadAsync(CancellationToken cancel = default)
    {
        cancel.ThrowIfCancellationRequested();
        return new(store.OpenReader());
    }
}
