using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;

namespace Surety.Sqlite;

/// <summary>Brings the schema up to date: numbered files, each applied once, all in one transaction under the write lock, so that several processes may start at once.</summary>
internal static class Migrations
{
    private static readonly (int Version, string Name, string Text)[] All = ReadAll();

    public static int Newest => All[^1].Version;

    /// <summary>Returns the store's id.</summary>
    public static string Apply(SqliteConnection connection, Statements db, string file, DateTimeOffset now)
    {
        db.Run(ConnectionSql.Begin);
        try
        {
            var has = db.Prepare(SchemaSql.HasMeta).Number() is not null;
            if (has && db.Prepare(SchemaSql.Product).Text() is var product && product != "surety")
                throw new StoreException($"The database {file} holds tables named surety_… of another product ({product ?? "unnamed"}). Name another file; this one was not touched.");
            var version = has ? (int)(db.Prepare(SchemaSql.Version).Number() ?? 0) : 0;
            if (version > Newest)
                throw new StoreException($"The database {file} has schema version {version}, but this program knows versions up to {Newest}. Start the newer program; this file was not touched.");

            foreach (var migration in All.Where(m => m.Version > version))
            {
                Execute(connection, migration.Text);
                db.Prepare(SchemaSql.Note).With(migration.Version).With(migration.Name).With(now).Run();
            }

            Failpoint.Pass(Failpoint.Migrating);
            var id = db.Prepare(SchemaSql.StoreId).Text() ?? throw new StoreException($"The database {file} has no store id: its surety_meta table was changed by hand. Restore a backup.");
            db.Run(ConnectionSql.Commit);
            return id;
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

    private static (int, string, string)[] ReadAll()
    {
        var assembly = typeof(Migrations).Assembly;
        const string folder = "Migrations/";
        return [.. assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var file = Path.GetFileNameWithoutExtension(name[folder.Length..]);
            return (int.Parse(file.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture), file[5..], reader.ReadToEnd());
        })];
    }
}
