using Npgsql;
using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>The history of messages: a line for each attempt that ended worth telling.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class AttemptSql(string s)
{
    private readonly string list =
        $"SELECT claim, outcome, error, node, started_at, ended_at FROM {s}.attempt WHERE message_id = $1 ORDER BY number";

    private readonly string trim =
        $"""
        DELETE FROM {s}.attempt
        WHERE message_id = $1 AND number <= (SELECT max(number) FROM {s}.attempt WHERE message_id = $1) - {History.Kept}
        """;

    private readonly string delete =
        $"DELETE FROM {s}.attempt a WHERE message_id = ANY ($1) AND NOT EXISTS (SELECT FROM {s}.message WHERE id = a.message_id)";

    /// <summary>Adds a line for each message of a part of a statement.</summary>
    /// <param name="s">The quoted schema.</param>
    /// <param name="from">That part, with the columns <c>id</c> and <c>claim</c>.</param>
    /// <param name="values">What is said of each: outcome, error, node, beginning.</param>
    public static string Add(string s, string from, string values) =>
        $"""
        INSERT INTO {s}.attempt (message_id, number, claim, outcome, error, node, started_at, ended_at)
        SELECT {from}.id, (SELECT coalesce(max(a.number), 0) + 1 FROM {s}.attempt a WHERE a.message_id = {from}.id), {from}.claim,
            {values}, {s}.now()
        FROM {from}
        """;

    /// <summary>The name of the node that a part of a statement has by its number.</summary>
    public static string NodeName(string s, string from) => $"coalesce((SELECT n.name FROM {s}.node n WHERE n.id = {from}.node), '')";

    public NpgsqlBatchCommand List(MessageId id) => Statement.Of(list).With(id.Value);

    /// <summary>Deletes the oldest lines above those that are kept.</summary>
    public NpgsqlBatchCommand Trim(long id) => Statement.Of(trim).With(id);

    /// <summary>Deletes those of messages that are gone.</summary>
    public NpgsqlBatchCommand Delete(long[] ids) => Statement.Of(delete).With(ids);

    public static AttemptInfo Read(NpgsqlDataReader row) =>
        new(row.GetInt64(0), StoredOutcome.Read(row.GetString(1)), row.TextOrNull(2), row.GetString(3), row.Instant(4), row.Instant(5));
}
