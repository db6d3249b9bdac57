using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;

namespace Surety.Sqlite;

/// <summary>Sees commits of other processes: SQLite keeps a number per connection that changes with every commit of another one. A few microseconds a look, and no lock.</summary>
internal sealed class CommitWatch(SqliteFile file) : IDisposable
{
    private readonly Lock gate = new();
    private (SqliteConnection Connection, Statements Db)? watching;

    public long Version()
    {
        lock (gate)
        {
            if (watching is null)
            {
                var connection = file.OpenReader();
                watching = (connection, new Statements(connection.Handle!));
            }

            return watching.Value.Db.Prepare(ConnectionSql.DataVersion).Number() ?? 0;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            watching?.Db.Dispose();
            watching?.Connection.Dispose();
            watching = null;
        }
    }
}
