namespace Surety.Postgres.Sql;

/// <summary>Notifications between processes.</summary>
internal static class HintSql
{
    public const string Notify = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

    /// <param name="channel">Made of a checked schema name; an identifier, which no parameter can carry.</param>
    public static string Listen(string channel) => $"LISTEN \"{channel}\"";
}
