using Npgsql;
using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>Who works on this store.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class NodeSql(string s)
{
    private readonly string join =
        $"""
        INSERT INTO {s}.node (name, joined_at, lease_until) VALUES ($1, {s}.now(), {s}.now() + $2)
        RETURNING id, (SELECT count(*)::int FROM {s}.node n WHERE n.dead_at IS NULL AND n.lease_until > {s}.now())
        """;

    private readonly string heartbeat =
        $"""
        UPDATE {s}.node SET lease_until = {s}.now() + $2 WHERE id = $1 AND dead_at IS NULL
        RETURNING (SELECT count(*)::int FROM {s}.node n WHERE n.id < $1 AND n.dead_at IS NULL AND n.lease_until > {s}.now()),
            (SELECT count(*)::int FROM {s}.node n WHERE n.id <> $1 AND n.dead_at IS NULL AND n.lease_until > {s}.now())
        """;

    private readonly string isAlive = $"SELECT id FROM {s}.node WHERE id = $1 AND dead_at IS NULL FOR UPDATE";
    private readonly string leave = $"UPDATE {s}.node SET dead_at = {s}.now() WHERE id = $1 AND dead_at IS NULL";
    private readonly string hasDead = $"SELECT EXISTS (SELECT FROM {s}.node WHERE dead_at IS NULL AND lease_until <= {s}.now() OR dead_at IS NOT NULL AND NOT emptied)";
    private readonly string presumeDead = $"UPDATE {s}.node SET dead_at = {s}.now() WHERE dead_at IS NULL AND lease_until <= {s}.now() RETURNING name";

    // A day later no claim of it can still be on its way.
    private readonly string forgetDead = $"DELETE FROM {s}.node n WHERE dead_at < {s}.now() - interval '1 day' AND emptied";

    /// <summary>The new node, and how many others are alive, all of which joined before it.</summary>
    public NpgsqlBatchCommand Join(string name, TimeSpan lease) => Statement.Of(join).With(name).With(lease);

    /// <summary>One row, if the node is alive: how many others are that joined before it, and how many in all.</summary>
    public NpgsqlBatchCommand Heartbeat(NodeId node, TimeSpan lease) => Statement.Of(heartbeat).With(node.Value).With(lease);

    public NpgsqlBatchCommand IsAlive(NodeId node) => Statement.Of(isAlive).With(node.Value);

    public NpgsqlBatchCommand Leave(NodeId node) => Statement.Of(leave).With(node.Value);

    public NpgsqlBatchCommand HasDead() => Statement.Of(hasDead);

    public NpgsqlBatchCommand PresumeDead() => Statement.Of(presumeDead);

    public NpgsqlBatchCommand ForgetDead() => Statement.Of(forgetDead);
}

/// <summary>The table of queues ever used, the pauses of some, and what they hold.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class QueueSql(string s)
{
    private readonly string pause =
        $"INSERT INTO {s}.queue (name, paused_reason, paused_at) VALUES ($1, $2, {s}.now()) ON CONFLICT (name) DO UPDATE SET paused_reason = excluded.paused_reason, paused_at = excluded.paused_at";

    private readonly string resume = $"UPDATE {s}.queue SET paused_reason = NULL, paused_at = NULL WHERE name = $1 AND paused_at IS NOT NULL";

    // One pass a state, each answered from one partial index.
    private readonly string list =
        $"""
        WITH counted AS (
            SELECT queue, count(*) AS ready, 0::bigint AS scheduled, 0::bigint AS running, 0::bigint AS dead, min(due_at) AS oldest FROM {s}.message WHERE state = 1 GROUP BY queue
            UNION ALL SELECT queue, count(*) FILTER (WHERE due_at <= {s}.now()), count(*) FILTER (WHERE due_at > {s}.now()), 0, 0, min(due_at) FROM {s}.message WHERE state = 2 GROUP BY queue
            UNION ALL SELECT queue, count(*) FILTER (WHERE due_at <= {s}.now()), count(*) FILTER (WHERE due_at > {s}.now()), 0, 0, min(due_at) FROM {s}.message WHERE state = 0 GROUP BY queue
            UNION ALL SELECT queue, count(*) FILTER (WHERE due_at <= {s}.now()), count(*) FILTER (WHERE due_at > {s}.now()), 0, 0, min(due_at) FROM {s}.message WHERE state = 3 GROUP BY queue
            UNION ALL SELECT queue, 0, 0, count(*), 0, NULL FROM {s}.message WHERE state = 4 GROUP BY queue
            UNION ALL SELECT queue, 0, 0, 0, count(*), NULL FROM {s}.message WHERE state = 6 GROUP BY queue
            UNION ALL SELECT queue, ready, 0, running, 0, oldest FROM {s}.segment_counts()),
        summed AS (SELECT queue, sum(ready)::bigint AS ready, sum(scheduled)::bigint AS scheduled, sum(running)::bigint AS running, sum(dead)::bigint AS dead, min(oldest) AS oldest FROM counted GROUP BY queue)
        SELECT coalesce(q.name, c.queue), coalesce(ready, 0), coalesce(scheduled, 0), coalesce(running, 0), coalesce(dead, 0),
            greatest(coalesce({s}.now() - oldest, interval '0'), interval '0'), paused_reason, paused_at
        FROM {s}.queue q FULL JOIN summed c ON c.queue = q.name ORDER BY 1
        """;

    public NpgsqlBatchCommand Pause(string queue, string reason) => Statement.Of(pause).With(queue).WithText(reason);

    public NpgsqlBatchCommand Resume(string queue) => Statement.Of(resume).With(queue);

    public NpgsqlBatchCommand List() => Statement.Of(list);

    public static QueueInfo Read(NpgsqlDataReader row) => new()
    {
        Queue = row.GetString(0), Ready = row.GetInt64(1), Scheduled = row.GetInt64(2), Running = row.GetInt64(3), Dead = row.GetInt64(4),
        OldestDueAge = row.GetTimeSpan(5), PausedReason = row.TextOrNull(6), PausedAt = row.InstantOrNull(7),
    };
}

/// <summary>Answered requests, by the digest of their key.</summary>
/// <param name="s">The quoted schema.</param>
/// <param name="name">Its name.</param>
internal sealed class IdempotencySql(string s, string name)
{
    private const string Table = "idempotency";

    // Says at once that another transaction is at it, where the unique index would wait for that one's end. Locks are the whole database's;
    // a key is its schema's.
    private readonly string take = $"SELECT pg_try_advisory_xact_lock($1 # hashtextextended('{s}', 7))";

    // A statement after the lock's, so that it sees what the lock's last holder committed.
    private readonly string isThere = $"SELECT FROM {s}.idempotency WHERE key = $1";

    private readonly string forget = $"DELETE FROM {s}.idempotency WHERE key = $1 AND expires_at <= {s}.now()";

    // Finding writes (a barrier): the commit that follows is durable only after what was found, and waits for the standbys.
    private readonly string find = $"UPDATE {s}.idempotency SET expires_at = expires_at WHERE key = $1 RETURNING fingerprint, status, headers, body";

    private readonly string answer = $"INSERT INTO {s}.idempotency (key, fingerprint, expires_at, status, headers, body) VALUES ($1, $2, {s}.now() + $3, $4, $5, $6)";

    private readonly string prune =
        $"WITH gone AS (DELETE FROM {s}.idempotency WHERE key = ANY (ARRAY(SELECT key FROM {s}.idempotency WHERE expires_at <= {s}.now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone";

    /// <param name="number">What stands for the key.</param>
    public NpgsqlBatchCommand Lock(long number) => Statement.Of(take).With(number);

    public NpgsqlBatchCommand IsThere(byte[] key) => Statement.Of(isThere).With(key);

    /// <summary>If its time is over and nobody has pruned it yet.</summary>
    public NpgsqlBatchCommand Forget(byte[] key) => Statement.Of(forget).With(key);

    public NpgsqlBatchCommand Find(byte[] key) => Statement.Of(find).With(key);

    // No answer: an earlier version's, which took keys by storing them. Running it again could double its effect.
    public static KeyAnswer Read(NpgsqlDataReader reader) => reader.IsDBNull(1)
        ? new KeyAnswer(KeyState.InProgress, reader.Bytes(0))
        : new KeyAnswer(KeyState.Answered, reader.Bytes(0), new StoredAnswer(reader.GetInt32(1), StoredJson.Headers(reader.TextOrNull(2)), reader.Bytes(3)));

    public NpgsqlBatchCommand Answer(ReadOnlyMemory<byte> key, KeyRecord given) =>
        Statement.Of(answer).With(key).With(given.Fingerprint).With(given.KeepFor).With(given.Answer.Status).WithText(StoredJson.Headers(given.Answer.Headers)).With(given.Answer.Body);

    /// <summary>
    /// Whether this is how <see cref="Answer"/> fails where there is one; the transaction's other statements, and its deferred constraints,
    /// fail otherwise.
    /// </summary>
    public bool SaysAnswered(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.UniqueViolation, TableName: Table, SchemaName: { } schema } && schema == name;

    public NpgsqlBatchCommand Prune(int limit) => Statement.Of(prune).With((long)limit);
}

/// <summary>API keys, as digests.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class ApiKeySql(string s)
{
    private const string Columns = "prefix, digest, principal, scopes, created_at, expires_at, revoked_at";
    private readonly string add = $"INSERT INTO {s}.api_key ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    private readonly string find = $"SELECT {Found(s)} FROM {s}.api_key WHERE prefix = $1";
    private readonly string list =
        $"""
        SELECT {Found(s)} FROM {s}.api_key
        WHERE ($1 IS NULL OR principal = $1) AND ($2 IS NULL OR (created_at, prefix) < (SELECT created_at, prefix FROM {s}.api_key WHERE prefix = $2))
        ORDER BY created_at DESC, prefix DESC LIMIT $3
        """;
    private readonly string revoke = $"UPDATE {s}.api_key SET revoked_at = {s}.now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING 1";

    // Without an overlap the end is no date, which a clock could be before: it is revoked.
    private readonly string rotate =
        $"""
        WITH old AS (
            UPDATE {s}.api_key
            SET expires_at = CASE WHEN $9 > interval '0' THEN least(expires_at, {s}.now() + $9) ELSE expires_at END, revoked_at = CASE WHEN $9 > interval '0' THEN NULL ELSE {s}.now() END
            WHERE prefix = $8 AND revoked_at IS NULL AND NOT expired AND (expires_at IS NULL OR expires_at > {s}.now()) RETURNING 1
        )
        INSERT INTO {s}.api_key ({Columns}) SELECT $1, $2, $3, $4, $5, $6, $7 FROM old RETURNING 1
        """;

    // SKIP LOCKED: another node that is just changing one says much the same, or leaves it to the next look.
    private readonly string endExpired =
        $"""
        WITH over AS (
            UPDATE {s}.api_key SET expired = true
            WHERE prefix = ANY (ARRAY(SELECT prefix FROM {s}.api_key WHERE NOT expired AND expires_at <= {s}.now() FOR UPDATE SKIP LOCKED)) RETURNING 1
        )
        SELECT count(*) FROM over
        """;

    // SKIP LOCKED: another node that notes the same keys at the moment says much the same, and two that waited for each other would be a
    // deadlock.
    private readonly string noteUses =
        $"""
        UPDATE {s}.api_key AS k SET used_at = u.at
        FROM (
            SELECT l.prefix, u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (prefix, at) JOIN {s}.api_key AS l ON l.prefix = u.prefix
            WHERE l.used_at IS NULL OR l.used_at < u.at FOR UPDATE OF l SKIP LOCKED
        ) AS u
        WHERE k.prefix = u.prefix
        """;

    // No index: there are thousands of keys at most, and an hour between two looks.
    private readonly string prune =
        $"""
        WITH gone AS (
            DELETE FROM {s}.api_key
            WHERE prefix = ANY (ARRAY(SELECT prefix FROM {s}.api_key WHERE least(revoked_at, expires_at) <= {s}.now() - $1 LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1
        )
        SELECT count(*) FROM gone
        """;

    // The last two: how long it still works (null: no date ends it), and whether its time is over and nobody has noted it yet.
    private static string Found(string s) =>
        $"""
        {Columns}, used_at,
        CASE WHEN revoked_at IS NOT NULL OR expired OR expires_at <= {s}.now() THEN interval '0' ELSE expires_at - {s}.now() END,
        revoked_at IS NULL AND NOT expired AND coalesce(expires_at <= {s}.now(), false)
        """;

    public NpgsqlBatchCommand Add(ApiKeyRecord key) => Added(Statement.Of(add), key);

    private static NpgsqlBatchCommand Added(NpgsqlBatchCommand command, ApiKeyRecord key) => command.With(key.Prefix).With(key.Digest).With(key.Principal).With(StoredJson.Scopes(key.Scopes))
        .WithInstant(key.CreatedAt).WithInstant(key.ExpiresAt).WithInstant(key.RevokedAt);

    public NpgsqlBatchCommand Find(string prefix) => Statement.Of(find).With(prefix);

    public NpgsqlBatchCommand List(string? principal, string? after, int limit) => Statement.Of(list).WithName(principal).WithName(after).With(limit);

    public NpgsqlBatchCommand Revoke(string prefix) => Statement.Of(revoke).With(prefix);

    public NpgsqlBatchCommand Rotate(string prefix, ApiKeyRecord successor, TimeSpan overlap) => Added(Statement.Of(rotate), successor).With(prefix).With(overlap);

    public NpgsqlBatchCommand EndExpired() => Statement.Of(endExpired);

    public NpgsqlBatchCommand NoteUses(IReadOnlyDictionary<string, DateTimeOffset> uses) =>
        Statement.Of(noteUses).With(uses.Keys.ToArray()).WithInstants([.. uses.Values.Select(at => (DateTime?)at.UtcDateTime)]);

    public NpgsqlBatchCommand Prune(TimeSpan keepFor, int limit) => Statement.Of(prune).With(keepFor).With((long)limit);

    public static ApiKeyRecord Read(NpgsqlDataReader row) => new()
    {
        Prefix = row.GetString(0), Digest = row.Bytes(1), Principal = row.GetString(2), Scopes = StoredJson.Scopes(row.GetString(3)),
        CreatedAt = row.Instant(4), ExpiresAt = row.InstantOrNull(5), RevokedAt = row.InstantOrNull(6), UsedAt = row.InstantOrNull(7),
        EndsIn = row.IsDBNull(8) ? null : row.GetTimeSpan(8),
    };

    /// <summary>Whether the key's time is over and nobody has noted it yet.</summary>
    public static bool ToBeNoted(NpgsqlDataReader row) => row.GetBoolean(9);
}
