using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>What the file says about itself.</summary>
internal static class SchemaSql
{
    public const string HasMeta = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'surety_meta'";
    public const string Product = "SELECT value FROM surety_meta WHERE name = 'product'";
    public const string StoreId = "SELECT value FROM surety_meta WHERE name = 'store_id'";
    public const string SigningKey = "SELECT value FROM surety_meta WHERE name = 'signing_key'";
    public const string First = "SELECT name FROM surety_migration WHERE version = 1";
    public const string Version = "SELECT max(version) FROM surety_migration";
    public const string Touch = "UPDATE surety_meta SET value = value WHERE name = 'product'";
    public const string Note = "INSERT INTO surety_migration (version, name, applied_at) VALUES (?1, ?2, ?3)";
    public const string Unnote = "DELETE FROM surety_migration WHERE version = ?1";

    public static string NoteNow(Migration m) =>
        $"INSERT INTO surety_migration (version, name, applied_at) VALUES ({m.Version}, '{m.Name}', CAST(strftime('%s', 'now') AS "
            + "INTEGER) * 1000);";

    public static string UnnoteNow(Migration m) => $"DELETE FROM surety_migration WHERE version = {m.Version};";
}
