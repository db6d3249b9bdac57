using Microsoft.Data.Sqlite;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Migrations;

/// <summary>
/// Brings the schema up to date: numbered files, each applied once, all in one transaction under the write lock, so that several processes
/// may start at once.
/// </summary>
internal static class SqliteMigrations
{
    private static readonly IReadOnlyList<Migration> All = Migration.In(typeof(SqliteMigrations).Assembly);

    public static int Newest => All[^1].Version;

    /// <summary>Brings the file up to date and returns the store's id.</summary>
    public static Task<string> ApplyAsync(
        SqliteConnection connection, Statements db, string file, DateTimeOffset now, CancellationToken cancel,
        Failpoints? failpoints = null) =>
        InTransactionAsync(db, () =>
        {
            var version = Version(db, file);
            foreach (var migration in All.Where(m => m.Version > version))
            {
                Execute(connection, migration.Up);
                db.Prepare(SchemaSql.Note).With(migration.Version).With(migration.Name).With(now).Run();
            }

            failpoints?.Pass(Failpoint.Migrating);
            return db.Prepare(SchemaSql.StoreId).Text()
                ?? throw new StoreException(
                    $"The database {file} has no store id: its surety_meta table was changed by hand. Restore a backup.");
        }, cancel);

    /// <summary>Takes back every change above the given version; at 0 nothing of Surety's is left.</summary>
    public static Task RevertAsync(SqliteConnection connection, Statements db, string file, int to, CancellationToken cancel) =>
        InTransactionAsync(db, () =>
        {
            var version = Version(db, file);
            if (to < 0 || to > version)
                throw new StoreException(
                    $"The database {file} has schema version {version}; it can be taken back to 0 to {version}, not to {to}.");
            foreach (var migration in All.Where(m => m.Version <= version && m.Version > to).Reverse())
            {
                // The first one's way back takes the notes, too.
                db.Prepare(SchemaSql.Unnote).With(migration.Version).Run();
                Execute(connection, migration.Down);
            }

            return true;
        }, cancel);

    /// <summary>The newest change applied; 0 when there is none.</summary>
    public static int Version(Statements db, string file)
    {
        var has = db.Prepare(SchemaSql.HasMeta).Number() is not null;
        if (has && db.Prepare(SchemaSql.Product).Text() is var product && product != "surety")
            throw new StoreException(
                $"The database {file} holds tables named surety_… of another product ({product ?? "unnamed"}). Name another file; this "
                    + "one was not touched.");
        var version = has ? (int)(db.Prepare(SchemaSql.Version).Number() ?? 0) : 0;
        if (version > 0 && db.Prepare(SchemaSql.First).Text() != All[0].Name)
            throw new StoreException($"The database {file} was made before Surety's first release, and no way leads from its schema "
                + $"version {version} to this program. Let the program that made it finish its work, then name another file, or drop its "
                + "tables named surety_…. This file was not touched.");
        return version <= Newest
            ? version
            : throw new StoreException(
                $"The database {file} has schema version {version}, but this program knows versions up to {Newest}. Start the newer "
                    + "program; this file was not touched.");
    }

    /// <summary>The changes between two versions as one file, for people who want to read or apply them.</summary>
    public static string Script(int from, int to)
    {
        if (from < 0 || to < 0 || from > Newest || to > Newest || from == to)
            throw new StoreException($"There is no script from version {from} to {to}. The versions are 0 (nothing) to {Newest}.");
        var up = All.Where(m => m.Version > from && m.Version <= to).Select(m => $"{m.Up}\n{SchemaSql.NoteNow(m)}");
        var down = All.Where(m => m.Version <= from && m.Version > to).Reverse().Select(m => $"{SchemaSql.UnnoteNow(m)}\n{m.Down}");
        return $"""
            -- Surety's tables, from version {from} to {to}. For sqlite3 -bail, on a file of exactly that version.
            BEGIN IMMEDIATE;
            {string.Join('\n', up.Concat(down))}
            COMMIT;

            """;
    }

    public static async Task<T> InTransactionAsync<T>(Statements db, Func<T> run, CancellationToken cancel)
    {
        await Locks.WhenFreeAsync(() => db.Run(ConnectionSql.Begin), cancel);
        try
        {
            var result = run();
            db.Run(ConnectionSql.Commit);
            return result;
        }
        catch
        {
            if (SQLitePCL.raw.sqlite3_get_autocommit(db.Connection) == 0) db.Run(ConnectionSql.Rollback);
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string text)
    {
        var code = SQLitePCL.raw.sqlite3_exec(connection.Handle, text, out var error);
        if (code != SQLitePCL.raw.SQLITE_OK) throw new SqliteException(error, code & 0xff, code);
    }
}
