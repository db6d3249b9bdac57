namespace Surety.Postgres.Sql;

/// <summary>What the schema says about itself, and what the server says about its durability.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class SchemaSql(string s)
{
    /// <summary>One migrating node at a time; the lock ends with the transaction.</summary>
    public const string Lock = "SELECT pg_advisory_xact_lock(hashtextextended('surety migration ' || $1, 7))";

    public const string Durability =
        """
        SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'server_version', 'server_version_num', 'server_encoding', 'transaction_read_only')
        """;

    public const string BackendId = "SELECT pg_backend_pid()";

    public const string HasMeta = "SELECT to_regclass($1) IS NOT NULL";

    public string Create { get; } =
        $"""
        CREATE SCHEMA IF NOT EXISTS {s};
        CREATE TABLE {s}.meta (name text PRIMARY KEY, value text NOT NULL);
        CREATE TABLE {s}.migration (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT statement_timestamp());
        INSERT INTO {s}.meta (name, value) VALUES ('product', 'surety'), ('store_id', replace(gen_random_uuid()::text, '-', ''));
        """;

    public string Meta { get; } = $"{s}.meta";

    public string Facts { get; } =
        $"SELECT (SELECT value FROM {s}.meta WHERE name = 'product'), (SELECT value FROM {s}.meta WHERE name = 'store_id'), (SELECT coalesce(max(version), 0) FROM {s}.migration)";

    public string Note { get; } = $"INSERT INTO {s}.migration (version, name) VALUES ($1, $2)";
}
