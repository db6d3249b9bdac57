using Npgsql;
using static Surety.Storage.MessageState;

namespace Surety.Postgres.Sql;

/// <summary>Which message holds which unique key, and until when. Taking one is part of the enqueue (<see cref="MessageSql"/>).</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class UniqueSql(string s)
{
    private readonly string holder =
        $"SELECT message_id FROM {s}.unique_key WHERE kind = $1 AND key = $2 AND (until IS NULL OR until > {s}.now())";

    // A dead letter keeps its key until somebody decides about it.
    private readonly string free =
        $"""
        DELETE FROM {s}.unique_key u WHERE message_id = ANY ($1) AND until IS NULL
            AND NOT EXISTS (SELECT FROM {s}.message WHERE id = u.message_id AND state NOT IN ({Succeeded:D}, {Cancelled:D}))
        """;

    private readonly string prune =
        $"""
        WITH pruned AS (
            DELETE FROM {s}.unique_key WHERE (kind, key) IN (SELECT kind, key FROM {s}.unique_key WHERE until <= {s}.now() LIMIT $1)
            RETURNING 1)
        SELECT count(*) FROM pruned
        """;

    /// <summary>The message that holds the key.</summary>
    public NpgsqlBatchCommand Holder(string kind, string key) => Statement.Of(holder).With(kind).With(key);

    /// <summary>Frees the keys that these messages hold until they have ended, if they have.</summary>
    public NpgsqlBatchCommand Free(long[] ids) => Statement.Of(free).With(ids);

    public NpgsqlBatchCommand Prune(int limit) => Statement.Of(prune).With((long)limit);
}
