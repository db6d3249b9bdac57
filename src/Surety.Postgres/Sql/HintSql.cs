using Npgsql;

namespace Surety.Postgres.Sql;

/// <summary>Notifications between processes.</summary>
/// <param name="s">The quoted schema.</param>
/// <param name="channel">Made of a checked schema name; an identifier, which no parameter of LISTEN can carry.</param>
internal sealed class HintSql(string s, string channel)
{
    private readonly string notify =
        $"""
        SELECT set_config('synchronous_commit', 'off', true),
            pg_notify($1, $2 || ' ' || (extract(epoch FROM clock_timestamp()) * 20)::bigint || ' 0')
        FROM (SELECT FROM {s}.node WHERE dead_at IS NULL AND lease_until > {s}.now() AND id <> ALL ($3) LIMIT 1) other
        """;

    public string Listen { get; } = $"LISTEN \"{channel}\"";

    private const string PassedOn = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2 || ' ' || $3 || ' ' || $4)";

    /// <summary>One row, if there is a node that is not one of these.</summary>
    public NpgsqlBatchCommand Notify(string from, long[] own) => Statement.Of(notify).With(channel).With(from).With(own);

    /// <param name="from">Who passes it on.</param>
    /// <param name="number">By which the next node is called.</param>
    /// <param name="hops">How many have passed it on.</param>
    public NpgsqlBatchCommand PassOn(string from, long number, int hops) =>
        Statement.Of(PassedOn).With(channel).With(from).With(number).With(hops);
}
