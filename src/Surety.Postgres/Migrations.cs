using System.Globalization;
using Npgsql;
using Surety.Postgres.Sql;

namespace Surety.Postgres;

/// <summary>Brings the schema up to date: numbered files, each applied once, all in one transaction under one lock, so that many nodes may start at once.</summary>
internal static class Migrations
{
    private static readonly (int Version, string Name, string Text)[] All = ReadAll();

    public static int Newest => All[^1].Version;

    /// <summary>Returns the store's id.</summary>
    public static async Task<string> ApplyAsync(NpgsqlTransaction transaction, string schema, SchemaSql sql, bool apply, CancellationToken cancel)
    {
        await RunAsync(Statement.Of(SchemaSql.Lock).With(schema));
        var exists = await OneAsync(Statement.Of(SchemaSql.HasMeta).With(sql.Meta), r => r.GetBoolean(0));
        if (!exists)
        {
            if (!apply) throw new StoreException($"The schema \"{schema}\" does not exist, and this host may not make it (PostgresOptions.Migration is Validate). Apply the migrations first.");
            await RunAsync(Statement.Of(sql.Create));
        }

        var (product, id, version) = await OneAsync(Statement.Of(sql.Facts), r => (r.TextOrNull(0), r.TextOrNull(1), r.GetInt32(2)));
        if (product != "surety" || id is null) throw new StoreException($"The schema \"{schema}\" belongs to another product ({product ?? "unnamed"}). Name another one in PostgresOptions.Schema; this one was not touched.");
        if (version > Newest) throw new StoreException($"The schema \"{schema}\" has version {version}, but this program knows versions up to {Newest}. Start the newer program; nothing was touched.");
        if (version < Newest && !apply)
            throw new StoreException($"The schema \"{schema}\" has version {version}, and this program needs {Newest}; it may not change it (PostgresOptions.Migration is Validate). Apply the migrations first.");

        foreach (var migration in All.Where(m => m.Version > version))
        {
            await RunAsync(Statement.Of(migration.Text.Replace("$schema$", Quoted(schema), StringComparison.Ordinal)));
            await RunAsync(Statement.Of(sql.Note).With(migration.Version).With(migration.Name));
        }

        return id;

        Task RunAsync(NpgsqlBatchCommand command) => ExecuteAsync(command, async reader =>
        {
            while (await reader.NextResultAsync(cancel))
            {
            }

            return true;
        });

        Task<T> OneAsync<T>(NpgsqlBatchCommand command, Func<NpgsqlDataReader, T> read) => ExecuteAsync(command, async reader =>
        {
            await reader.ReadAsync(cancel);
            return read(reader);
        });

        async Task<T> ExecuteAsync<T>(NpgsqlBatchCommand command, Func<NpgsqlDataReader, Task<T>> read)
        {
            // Files hold several statements, which only a plain command splits.
            await using var plain = new NpgsqlCommand(command.CommandText, transaction.Connection, transaction) { CommandTimeout = 0 };
            foreach (var parameter in command.Parameters) plain.Parameters.Add(((NpgsqlParameter)parameter).Clone());
            await using var reader = await plain.ExecuteReaderAsync(cancel);
            return await read(reader);
        }
    }

    public static string Quoted(string schema) => $"\"{schema}\"";

    private static (int, string, string)[] ReadAll()
    {
        var assembly = typeof(Migrations).Assembly;
        const string folder = "Migrations/";
        return [.. assembly.GetManifestResourceNames()
            .Where(n => n.StartsWith(folder, StringComparison.Ordinal) && !n.EndsWith(".down.sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                var file = Path.GetFileNameWithoutExtension(name[folder.Length..]);
                return (int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture), file[5..], reader.ReadToEnd());
            })];
    }
}
