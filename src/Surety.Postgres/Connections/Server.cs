using System.Globalization;
using Surety.Postgres.Sql;

namespace Surety.Postgres.Connections;

/// <summary>What the server says of itself, and whether that is as durable as asked.</summary>
internal sealed record Server(IReadOnlyDictionary<string, string> Settings)
{
    private const int Oldest = 130000;

    public string Version => Settings["server_version"];

    public static async Task<Server> ReadAsync(PostgresSession session, CancellationToken cancel) =>
        new(await session.ReadAsync(async reader =>
        {
            var settings = new Dictionary<string, string>();
            while (await reader.ReadAsync(cancel)) settings[reader.GetString(0)] = reader.GetString(1);
            return settings;
        }, cancel, Statement.Of(SchemaSql.Durability)));

    /// <summary>Why this server cannot keep the promise; null when it can.</summary>
    public string? Weakness(PostgresDurability durability) => Unfit() ?? NotDurable() ?? NotDurable(durability);

    /// <summary>What no profile works with.</summary>
    private string? Unfit()
    {
        if (int.Parse(Settings["server_version_num"], CultureInfo.InvariantCulture) < Oldest)
            return $"PostgreSQL {Version} is too old. Use 13 or newer.";
        if (Settings["transaction_read_only"] == "on")
            return "The server is read-only: a standby, or a primary that was replaced or has default_transaction_read_only on. "
                + "Connect to the primary (Target Session Attributes=primary).";
        if (Settings["server_encoding"] != "UTF8")
            return $"The database's encoding is {Settings["server_encoding"]}; payloads are UTF-8. Make the database with ENCODING 'UTF8'.";
        return null;
    }

    private string? NotDurable()
    {
        foreach (var name in (ReadOnlySpan<string>)["fsync", "full_page_writes"])
        {
            if (Settings[name] != "on")
                return $"The server runs with {name}={Settings[name]}, so an acknowledged commit could be lost with the power. Turn it on.";
        }

        var isolation = Settings["default_transaction_isolation"];
        if (isolation == "read committed") return null;
        return $"default_transaction_isolation={isolation} would let a claim work on what it saw before it had the queue's lock. "
            + "Set it to 'read committed', at least for this user.";
    }

    private string? NotDurable(PostgresDurability durability)
    {
        var commit = Settings["synchronous_commit"];
        if (commit == "off" || (commit == "local" && durability == PostgresDurability.Quorum))
            return $"synchronous_commit={commit} acknowledges commits too early for the profile {durability}. Set it to on.";
        var standbys = Settings["synchronous_standby_names"].TrimStart();
        return durability == PostgresDurability.Quorum && !standbys.StartsWith("ANY", StringComparison.OrdinalIgnoreCase)
            ? "The profile Quorum needs synchronous_standby_names = 'ANY k (…)' on the server."
            : null;
    }
}
