using Surety.Sqlite;

namespace Surety.Cli.Migrate;

internal sealed class SqliteSchema(string connectionString) : ISchema
{
    public int Newest => Migrations.Newest;

    public Task<int> VersionAsync(CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        // To open it would make it.
        return Task.FromResult(File.Exists(file.FullPath) ? With(file, (_, db) => Migrations.Version(db, file.Name)) : 0);
    }

    public Task UpAsync(CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        return Task.FromResult(With(file, (connection, db) => Migrations.Apply(connection, db, file.Name, DateTimeOffset.UtcNow)));
    }

    public Task DownAsync(int version, CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        using var work = new WorkerLock(file.FullPath);
        if (work.TryTake() is null) throw new StoreException($"A process works on {file.Name}. Stop it first; nothing was touched.");
        With(file, (connection, db) =>
        {
            Migrations.Revert(connection, db, file.Name, version);
            return version;
        });
        return Task.CompletedTask;
    }

    public string Script(int from, int to) => Migrations.Script(from, to);

    private static T With<T>(SqliteFile file, Func<WriterConnection, Statements, T> work)
    {
        var (connection, db) = file.OpenWriter();
        try
        {
            return work(connection, db);
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            throw Errors.From(e, $"The database {file.Name} could not be changed");
        }
        finally
        {
            db.Dispose();
            connection.CloseForGood();
        }
    }
}
