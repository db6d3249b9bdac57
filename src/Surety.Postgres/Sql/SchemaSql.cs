using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>What the schema says about itself, and what the server says about its durability.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class SchemaSql(string s)
{
    // A change that has to wait for a long transaction makes everybody else wait behind it; better to give up, and be started again.
    public const string ImpatientLocks = "SET LOCAL lock_timeout = '3s'";

    public const string Durability =
        """
        SELECT name, setting FROM pg_settings WHERE name IN (
            'fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'default_transaction_isolation',
            'server_version', 'server_version_num', 'server_encoding', 'transaction_read_only', 'idle_in_transaction_session_timeout',
            'lock_timeout', 'transaction_timeout')
        """;

    public const string BackendId = "SELECT pg_backend_pid()";

    /// <summary>Is there a schema of this name; tables that stand where ours would; and are they ours?</summary>
    public const string Exists =
        """
        SELECT to_regnamespace($1) IS NOT NULL,
            EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname IN ('meta', 'migration', 'message')),
            (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1 || '.meta') AND attname IN ('name', 'value')
                OR attrelid = to_regclass($1 || '.migration') AND attname IN ('version', 'name', 'oldest')) = 5
        """;

    public string CreateSchema { get; } = $"CREATE SCHEMA {s};\n";

    public string CreateMeta { get; } =
        $"""
        CREATE TABLE {s}.meta (name text PRIMARY KEY, value text NOT NULL);
        CREATE TABLE {s}.migration (
            version int PRIMARY KEY,
            name text NOT NULL,
            oldest int NOT NULL, -- the oldest program, by the newest version it knows, that may work on it
            applied_at timestamptz NOT NULL DEFAULT statement_timestamp()
        );
        INSERT INTO {s}.meta (name, value) VALUES ('product', 'surety'), ('store_id', replace(gen_random_uuid()::text, '-', ''));

        """;

    public string DropMeta { get; } = $"DROP TABLE {s}.migration, {s}.meta;\n";

    public string Facts { get; } =
        $"""
        SELECT (SELECT value FROM {s}.meta WHERE name = 'product'), (SELECT value FROM {s}.meta WHERE name = 'store_id'),
            (SELECT coalesce(max(version), 0) FROM {s}.migration), (SELECT coalesce(max(oldest), 0) FROM {s}.migration),
            (SELECT name FROM {s}.migration WHERE version = 1), (SELECT value FROM {s}.meta WHERE name = 'functions')
        """;

    public string SigningKey { get; } = $"SELECT value FROM {s}.meta WHERE name = 'signing_key'";

    /// <summary>One migrating node at a time; the lock ends with the transaction.</summary>
    /// <param name="schema">A checked name, unquoted.</param>
    public static string LockOf(string schema) => $"SELECT pg_advisory_xact_lock(hashtextextended('surety migration {schema}', 7))";

    /// <param name="digest">Of the functions that were just made.</param>
    public string NoteFunctions(string digest) =>
        $"INSERT INTO {s}.meta (name, value) VALUES ('functions', '{digest}') ON CONFLICT (name) DO UPDATE SET value = excluded.value;";

    public string Note(Migration m) => $"INSERT INTO {s}.migration (version, name, oldest) VALUES ({m.Version}, '{m.Name}', {m.Oldest});";

    public string Unnote(Migration m) => $"DELETE FROM {s}.migration WHERE version = {m.Version};";

    /// <summary>Fails unless the schema has this version.</summary>
    public string ShouldHave(int version) => version == 0
        ? $"CREATE SCHEMA IF NOT EXISTS {s};"
        : $"""
        DO $$ BEGIN
            IF (SELECT max(version) FROM {s}.migration) <> {version} THEN
                RAISE EXCEPTION 'The schema does not have version {version}. Nothing was changed.';
            END IF;
        END $$;
        """;
}
