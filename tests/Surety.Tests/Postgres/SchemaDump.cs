using System.Text;

namespace Surety.Tests.Postgres;

/// <summary>What pg_dump says, without what depends on the server's version, the schema's name or its owner.</summary>
internal static class SchemaDump
{
    public static string Normalized(string dump, string schema)
    {
        var text = new StringBuilder();
        var blank = true;
        foreach (var line in dump.Split('\n').Where(l => !IsNoise(l)))
        {
            if (line.Length == 0 && blank) continue;
            blank = line.Length == 0;
            text.Append(line.TrimEnd()).Append('\n');
        }

        return text.ToString()
            .Replace($"\"{schema}\"", "$schema$", StringComparison.Ordinal).Replace($"{schema}.", "$schema$.", StringComparison.Ordinal)
            .Replace($"SCHEMA {schema};", "SCHEMA $schema$;", StringComparison.Ordinal).TrimEnd('\n') + "\n";
    }

    private static bool IsNoise(string line) =>
        line.StartsWith("--", StringComparison.Ordinal) || line.StartsWith("SET ", StringComparison.Ordinal)
            || line.StartsWith('\\') || line.Contains("pg_catalog.set_config", StringComparison.Ordinal)
        || (line.StartsWith("ALTER ", StringComparison.Ordinal) && line.Contains(" OWNER TO ", StringComparison.Ordinal));
}
