using System.Text;
using Npgsql;
using Surety.Postgres.Segments;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Migrations;

/// <summary>
/// Brings a schema up to date, or back: numbered files, each applied once, all in one transaction under one lock, so that many nodes may
/// start at once.
/// </summary>
internal sealed class PostgresMigrations(string schema, IReadOnlyList<Migration> all)
{
    private const string Unnamed = "unnamed";

    private static readonly IReadOnlyList<Migration> Own = Migration.In(typeof(PostgresMigrations).Assembly);

    private readonly SchemaSql sql = new(Quoted(schema));

    /// <summary>This program's.</summary>
    public PostgresMigrations(string schema) : this(schema, Own)
    {
    }

    public static IReadOnlyList<Migration> All => Own;

    public int Newest => all[^1].Version;

    /// <summary>Brings the schema up to date and returns the store's id.</summary>
    public async Task<string> ApplyAsync(NpgsqlTransaction transaction, CancellationToken cancel)
    {
        // Without the lock first: a node that needs nothing does not wait for one that migrates.
        var found = await ReadAsync(transaction, cancel);
        if (!IsUpToDate(found)) found = await LockAndReadAsync(transaction, cancel);
        ThrowIfNotOurs(found);
        if (IsUpToDate(found)) return found.StoreId!;
        await RunAsync(transaction, SchemaSql.ImpatientLocks, cancel);
        await RunAsync(transaction, Text(found.Version, Newest, found.Exists), cancel);
        return (await ReadAsync(transaction, cancel)).StoreId!;
    }

    /// <summary>Refuses a schema that this program cannot work on, and touches none; returns the store's id.</summary>
    public async Task<string> ValidateAsync(NpgsqlTransaction transaction, CancellationToken cancel)
    {
        var found = await ReadAsync(transaction, cancel);
        ThrowIfNotOurs(found);
        if (found.Version == 0)
            throw new StoreException(
                $"The schema \"{schema}\" has no tables of Surety, and this host may not make them (PostgresOptions.Migration is "
                    + $"Validate). {HowTo}");
        if (found.Version < Newest)
            throw new StoreException(
                $"The schema \"{schema}\" has version {found.Version}, and this program needs {Newest}; this host may not change it "
                    + $"(PostgresOptions.Migration is Validate). {HowTo}");
        return found.StoreId!;
    }

    /// <summary>
    /// Takes back every change above the given version. At 0 nothing of Surety's is left but the empty schema, which somebody else may have
    /// made.
    /// </summary>
    public async Task RevertAsync(NpgsqlTransaction transaction, int version, CancellationToken cancel)
    {
        var found = await LockAndReadAsync(transaction, cancel);
        ThrowIfNotOurs(found, mayBeNewer: false);
        if (version < 0 || version > found.Version)
            throw new StoreException(
                $"The schema \"{schema}\" has version {found.Version}; it can be taken back to 0 to {found.Version}, not to {version}.");
        if (found.Version == version) return;
        await RunAsync(transaction, SchemaSql.ImpatientLocks, cancel);
        await RunAsync(transaction, Text(found.Version, version), cancel);
    }

    /// <summary>What the schema says about itself.</summary>
    public async Task<SchemaFacts> ReadAsync(NpgsqlTransaction transaction, CancellationToken cancel)
    {
        var (exists, occupied, ours) = await OneAsync(
            transaction,
            Statement.Of(SchemaSql.Exists).With(Quoted(schema)),
            r => (r.GetBoolean(0), r.GetBoolean(1), r.GetBoolean(2)),
            cancel);
        return ours
            ? await OneAsync(transaction, Statement.Of(sql.Facts), Facts, cancel)
            : new SchemaFacts(exists, occupied ? Unnamed : null, null, 0, 0, null, null);
    }

    /// <summary>
    /// The same changes as one file, for people who apply them by hand: one transaction, which refuses a schema of another version than it
    /// starts from.
    /// </summary>
    public string Script(int from, int to)
    {
        if (from < 0 || to < 0 || from > Newest || to > Newest || from == to)
            throw new StoreException($"There is no script from version {from} to {to}. The versions are 0 (nothing) to {Newest}.");
        return $"""
            -- Surety's schema "{schema}", from version {from} to {to}. For psql -v ON_ERROR_STOP=1 -f.
            BEGIN;
            {SchemaSql.LockOf(schema)};
            {SchemaSql.ImpatientLocks};
            {sql.ShouldHave(from)}
            {Text(from, to, hasSchema: true)}
            COMMIT;

            """;
    }

    public static string Quoted(string schema) => $"\"{schema}\"";

    /// <summary>Nothing is to be done, or it is a later program's schema.</summary>
    private bool IsUpToDate(SchemaFacts found) =>
        found.Version > Newest || (found.Version == Newest && found.Functions == SchemaFunctions.Digest);

    private static SchemaFacts Facts(NpgsqlDataReader row) => new(
        true, row.TextOrNull(0) ?? Unnamed, row.TextOrNull(1), row.GetInt32(2), row.GetInt32(3), row.TextOrNull(4), row.TextOrNull(5));

    private string HowTo =>
        $"Run `surety migrate up --store postgres --schema {schema}` as the schema's owner, or give the owner what `surety migrate "
            + "script` prints.";

    private string Text(int from, int to, bool hasSchema = false)
    {
        var text = new StringBuilder();
        if (from == 0) text.Append(hasSchema ? "" : sql.CreateSchema).Append(sql.CreateMeta);
        foreach (var migration in all.Where(m => m.Version > from && m.Version <= to))
            text.Append(migration.Up).Append('\n').Append(sql.Note(migration)).Append('\n');
        if (to >= from) text.Append(SchemaFunctions.Text).Append(sql.NoteFunctions(SchemaFunctions.Digest)).Append('\n');
        foreach (var migration in all.Where(m => m.Version <= from && m.Version > to).Reverse())
            text.Append(migration.Down).Append('\n').Append(sql.Unnote(migration)).Append('\n');
        if (to == 0) text.Append(sql.DropMeta);
        return text.Replace("$schema$", Quoted(schema)).ToString();
    }

    private async Task<SchemaFacts> LockAndReadAsync(NpgsqlTransaction transaction, CancellationToken cancel)
    {
        await RunAsync(transaction, SchemaSql.LockOf(schema), cancel);
        return await ReadAsync(transaction, cancel);
    }

    private void ThrowIfNotOurs(SchemaFacts found, bool mayBeNewer = true)
    {
        if (found.Product is not null && (found.Product != "surety" || found.StoreId is null))
            throw new StoreException(
                $"The schema \"{schema}\" belongs to another product ({found.Product}). Name another one in PostgresOptions.Schema; this "
                    + "one was not touched.");
        if (found.Version > 0 && found.First != all[0].Name)
            throw new StoreException($"The schema \"{schema}\" was made before Surety's first release, and no way leads from its version "
                + $"{found.Version} to this program. Let the program that made it finish its work, then name another schema in "
                + "PostgresOptions.Schema, or drop this one. Nothing was touched.");
        if (mayBeNewer ? found.Oldest > Newest : found.Version > Newest)
            throw new StoreException(
                $"The schema \"{schema}\" has version {found.Version}, which programs that know only versions up to {Newest} cannot work "
                    + "with. Start the newer program; nothing was touched.");
    }

    // Files hold several statements, which only a command without parameters may.
    private static async Task RunAsync(NpgsqlTransaction transaction, string text, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(text, transaction.Connection, transaction) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<T> OneAsync<T>(
        NpgsqlTransaction transaction, NpgsqlBatchCommand statement, Func<NpgsqlDataReader, T> read, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(transaction.Connection, transaction) { BatchCommands = { statement } };
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return read(reader);
    }
}

/// <summary>What a schema says about itself.</summary>
/// <param name="Exists">There is a schema of this name.</param>
/// <param name="Product">Whose tables are in it; null when there are none that could be ours.</param>
/// <param name="StoreId">Names the data; null when there is none.</param>
/// <param name="Version">The newest change applied; 0 when there is none.</param>
/// <param name="Oldest">The oldest program, by the newest version it knows, that may work on it.</param>
/// <param name="First">The name of its first change.</param>
/// <param name="Functions">The digest of the functions it has.</param>
internal sealed record SchemaFacts(
    bool Exists, string? Product, string? StoreId, int Version, int Oldest, string? First, string? Functions);
