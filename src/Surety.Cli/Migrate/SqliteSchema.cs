using Surety.Sqlite;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Migrations;
using Surety.Sqlite.Sql;
using Surety.Sqlite.Writer;

namespace Surety.Cli.Migrate;

internal sealed class SqliteSchema(string connectionString) : ISchema
{
    public int Newest => SqliteMigrations.Newest;

    public async Task<int> VersionAsync(CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        // To open it would make it.
        return File.Exists(file.FullPath)
            ? await WithAsync(file, (_, db) => Task.FromResult(SqliteMigrations.Version(db, file.Name)), cancel) : 0;
    }

    public Task UpAsync(CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        return WithAsync(
            file, (connection, db) => SqliteMigrations.ApplyAsync(connection, db, file.Name, DateTimeOffset.UtcNow, cancel), cancel);
    }

    public async Task DownAsync(int version, CancellationToken cancel)
    {
        var file = new SqliteFile(connectionString);
        using var work = new WorkerLock(file.FullPath);
        if (work.TryTake() is null) throw new StoreException($"A process works on {file.Name}. Stop it first; nothing was touched.");
        await WithAsync(
            file,
            async (connection, db) =>
            {
                await SqliteMigrations.RevertAsync(connection, db, file.Name, version, cancel);
                return version;
            },
            cancel);
    }

    public string Script(int from, int to) => SqliteMigrations.Script(from, to);

    private static async Task<T> WithAsync<T>(SqliteFile file, Func<WriterConnection, Statements, Task<T>> work, CancellationToken cancel)
    {
        var (connection, db) = await file.OpenWriterAsync(cancel);
        try
        {
            return await work(connection, db);
        }
        catch (Microsoft.Data.Sqlite.SqliteException e)
        {
            throw Errors.From(e, $"The database {file.Name} could not be changed");
        }
        finally
        {
            db.Dispose();
            connection.EmptyLogAndClose();
        }
    }
}
