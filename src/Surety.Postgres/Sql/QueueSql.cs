using Npgsql;
using Surety.Storage;
using static Surety.Storage.MessageState;

namespace Surety.Postgres.Sql;

/// <summary>The table of queues ever used, the pauses of some, and what they hold.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class QueueSql(string s)
{
    // Somebody else's open transaction may be noting the same name; without the lock, which is not waited for, all enqueues to a new queue
    // would wait for that one's end.
    private readonly string note =
        $"""
        WITH asked AS MATERIALIZED (SELECT DISTINCT q, EXISTS (SELECT FROM {s}.queue WHERE name = q) AS known FROM unnest($1) q),
        added AS (
            INSERT INTO {s}.queue (name) SELECT q FROM asked
            WHERE CASE WHEN known THEN false ELSE pg_try_advisory_xact_lock(hashtextextended('{s} queue ' || q, 7)) END
            ON CONFLICT DO NOTHING)
        SELECT q FROM asked WHERE known
        """;

    private readonly string pause =
        $"""
        INSERT INTO {s}.queue (name, paused_reason, paused_at) VALUES ($1, $2, {s}.now())
        ON CONFLICT (name) DO UPDATE SET paused_reason = excluded.paused_reason, paused_at = excluded.paused_at
        """;

    private readonly string resume =
        $"UPDATE {s}.queue SET paused_reason = NULL, paused_at = NULL WHERE name = $1 AND paused_at IS NOT NULL";

    // One pass a state, each answered from one partial index.
    private readonly string list =
        $"""
        WITH counted AS (
            SELECT queue, count(*) AS ready, 0::bigint AS scheduled, 0::bigint AS running, 0::bigint AS dead, min(due_at) AS oldest
            FROM {s}.message WHERE state = {Ready:D} GROUP BY queue
            UNION ALL {CountWaiting(s, Scheduled)}
            UNION ALL {CountWaiting(s, Arrived)}
            UNION ALL {CountWaiting(s, Blocked)}
            UNION ALL SELECT queue, 0, 0, count(*), 0, NULL FROM {s}.message WHERE state = {Running:D} GROUP BY queue
            UNION ALL SELECT queue, 0, 0, 0, count(*), NULL FROM {s}.message WHERE state = {Dead:D} GROUP BY queue
            UNION ALL SELECT queue, ready, 0, running, 0, oldest FROM {s}.segment_counts()),
        summed AS (
            SELECT queue, sum(ready)::bigint AS ready, sum(scheduled)::bigint AS scheduled, sum(running)::bigint AS running,
                sum(dead)::bigint AS dead, min(oldest) AS oldest
            FROM counted GROUP BY queue)
        SELECT coalesce(q.name, c.queue), coalesce(ready, 0), coalesce(scheduled, 0), coalesce(running, 0), coalesce(dead, 0),
            greatest(coalesce({s}.now() - oldest, interval '0'), interval '0'), paused_reason, paused_at
        FROM {s}.queue q FULL JOIN summed c ON c.queue = q.name ORDER BY 1
        """;

    /// <summary>Lists the queues that are not yet; answers with those that were.</summary>
    public NpgsqlBatchCommand Note(string[] queues) => Statement.Of(note).With(queues);

    public NpgsqlBatchCommand Pause(string queue, string reason) => Statement.Of(pause).With(queue).WithText(reason);

    public NpgsqlBatchCommand Resume(string queue) => Statement.Of(resume).With(queue);

    public NpgsqlBatchCommand List() => Statement.Of(list);

    public static QueueInfo Read(NpgsqlDataReader row) => new()
    {
        Queue = row.GetString(0), Ready = row.GetInt64(1), Scheduled = row.GetInt64(2), Running = row.GetInt64(3), Dead = row.GetInt64(4),
        OldestDueAge = row.GetTimeSpan(5), PausedReason = row.TextOrNull(6), PausedAt = row.InstantOrNull(7),
    };

    /// <summary>
    /// Messages that wait for their time or for their key's head: as ready as any to a reader of the numbers, once they are due.
    /// </summary>
    private static string CountWaiting(string s, MessageState state) =>
        $"""
        SELECT queue, count(*) FILTER (WHERE due_at <= {s}.now()), count(*) FILTER (WHERE due_at > {s}.now()), 0, 0, min(due_at)
        FROM {s}.message WHERE state = {state:D} GROUP BY queue
        """;
}
