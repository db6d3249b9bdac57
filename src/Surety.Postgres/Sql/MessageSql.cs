using System.Runtime.InteropServices;
using Npgsql;
using Surety.Storage;
using static Surety.Storage.MessageState;

namespace Surety.Postgres.Sql;

/// <summary>The messages: in, claimed, settled, rescued, pruned. What people look at and do is in <see cref="MessageInfoSql"/>.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class MessageSql(string s)
{
    /// <summary>How many due messages one claim makes ready at most; the next claim goes on.</summary>
    private const int PromotedAtOnce = 1000;

    private static readonly string Lost = StoredOutcome.Text(AttemptOutcome.Lost);

    // $1 queue … are arrays, one element a message; results come back in the order of the ordinality.
    private readonly string insert =
        $"""
        INSERT INTO {s}.message (
            state, queue, priority, kind, version, enqueued_at, due_at, tracked, ordering_key, owner, headers, body)
        SELECT {FirstState("m.ordering_key", Due(s, "m.due", "m.delay"), s)},
            m.queue, m.priority, m.kind, m.version, {s}.now(), {Due(s, "m.due", "m.delay")}, m.tracked, m.ordering_key, m.owner,
            m.headers, m.body
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
            AS m (queue, priority, kind, version, due, delay, tracked, ordering_key, owner, headers, body, n)
        ORDER BY m.n RETURNING id
        """;

    // The unique key's row is the lock: a concurrent enqueue of the same key waits here for the first one's end.
    private readonly string insertUnique =
        $"""
        WITH new AS MATERIALIZED (SELECT nextval(pg_get_serial_sequence('{s}.message', 'id')) AS id),
        taken AS (
            INSERT INTO {s}.unique_key AS held (kind, key, message_id, until) SELECT $3, $12, new.id, {s}.now() + $13 FROM new
            ON CONFLICT (kind, key) DO UPDATE SET message_id = excluded.message_id, until = excluded.until WHERE held.until <= {s}.now()
            RETURNING message_id)
        INSERT INTO {s}.message (
            id, state, queue, priority, kind, version, enqueued_at, due_at, tracked, ordering_key, owner, headers, body, holds_unique_key)
        SELECT taken.message_id, {FirstState("$8", Due(s, "$5", "$6"), s)},
            $1, $2, $3, $4, {s}.now(), {Due(s, "$5", "$6")}, $7, $8, $9, $10, $11, $13 IS NULL
        FROM taken RETURNING id
        """;

    // What a claim has to know first: is the node alive, is anything due, has anything arrived whose place is unknown.
    private readonly string peek =
        $"""
        SELECT EXISTS (SELECT FROM {s}.node WHERE id = $1 AND dead_at IS NULL),
            EXISTS (SELECT FROM {s}.message WHERE state = {Arrived:D} AND queue = ANY ($2)),
            (SELECT min(due_at) FROM {s}.message WHERE state = {Scheduled:D}) - {s}.now(),
            EXISTS (
                SELECT FROM unnest($2) q WHERE EXISTS (SELECT FROM {s}.message WHERE state = {Ready:D} AND queue = q)
                    AND NOT EXISTS (SELECT FROM {s}.queue WHERE name = q AND paused_at IS NOT NULL))
        """;

    private readonly string promoteDue =
        $"""
        UPDATE {s}.message SET state = {Ready:D}, revision = revision + 1 WHERE id = ANY (ARRAY(
            SELECT id FROM {s}.message WHERE state = {Scheduled:D} AND due_at <= {s}.now()
            ORDER BY due_at LIMIT {PromotedAtOnce} FOR UPDATE SKIP LOCKED))
        """;

    // One priority after the other, each only as far as the ones before left room.
    private readonly string claim =
        $"""
        WITH first AS ({ReadyOf(s, "$4", "$3")}),
        second AS ({ReadyOf(s, "$5", "$3 - (SELECT count(*) FROM first)")}),
        third AS ({ReadyOf(s, "$6", "$3 - (SELECT count(*) FROM first) - (SELECT count(*) FROM second)")}),
        taken AS MATERIALIZED (SELECT id FROM first UNION ALL SELECT id FROM second UNION ALL SELECT id FROM third)
        UPDATE {s}.message m SET state = {Running:D}, claim = claim + 1, node = $1, claimed_at = {s}.now(), revision = revision + 1
        WHERE id = ANY (ARRAY(SELECT id FROM taken)) AND EXISTS (SELECT FROM {s}.node WHERE node.id = $1 AND dead_at IS NULL)
            AND NOT EXISTS (SELECT FROM {s}.queue WHERE name = $2 AND paused_at IS NOT NULL)
        RETURNING id, claim, attempt, deaths, kind, version, enqueued_at, due_at, tracked, ordering_key, holds_unique_key, owner, headers,
            body, cancel_reason, queue, priority, died_alone
        """;

    private readonly string start =
        $"""
        UPDATE {s}.message m SET started = m.claim, alone = CASE WHEN $3 THEN m.claim ELSE 0 END FROM unnest($1, $2) c (id, claim)
        WHERE m.id = c.id AND m.claim = c.claim AND m.state = {Running:D} RETURNING m.id, m.claim
        """;

    private readonly string delete =
        $"""
        DELETE FROM {s}.message m USING unnest($1, $2) c (id, claim)
        WHERE m.id = c.id AND m.claim = c.claim AND m.state = {Running:D} RETURNING m.id, m.claim
        """;

    // All of a group at once: where a provider is down, every message of a busy queue comes this way, again and again.
    private readonly string wait =
        $"""
        WITH settled AS (
            UPDATE {s}.message m
            SET state = CASE WHEN w.delay <= interval '0' OR m.cancel_reason IS NOT NULL THEN {Ready:D} ELSE {Scheduled:D} END,
                due_at = CASE WHEN m.cancel_reason IS NULL THEN {s}.now() + greatest(w.delay, interval '0') ELSE {s}.now() END,
                attempt = m.attempt + w.spent, reason = coalesce(w.reason, m.reason), cause = coalesce(w.cause, m.cause),
                progress_done = CASE WHEN w.done IS NULL THEN m.progress_done ELSE w.done END,
                progress_total = CASE WHEN w.done IS NULL THEN m.progress_total ELSE w.total END,
                progress_unit = CASE WHEN w.done IS NULL THEN m.progress_unit ELSE w.unit END,
                progress_message = CASE WHEN w.done IS NULL THEN m.progress_message ELSE w.said END,
                revision = m.revision + 1
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                AS w (id, claim, delay, spent, reason, cause, done, total, unit, said, recorded, outcome, error, ran)
            WHERE m.id = w.id AND m.claim = w.claim AND m.state = {Running:D}
            RETURNING m.id, m.claim, m.node, w.recorded, w.outcome, w.error, w.ran),
        noted AS (
            {AttemptSql.Add(s, "settled", $"settled.outcome, settled.error, {AttemptSql.NodeName(s, "settled")}, {s}.now() - settled.ran")}
            WHERE settled.recorded)
        SELECT id FROM settled
        """;

    private readonly string finish =
        $"""
        WITH settled AS (
            UPDATE {s}.message SET state = $3, ended_at = {s}.now(), keep_until = {s}.now() + $11, attempt = attempt + $4,
                reason = CASE WHEN $3 = {Cancelled:D} THEN coalesce($5, cancel_reason) ELSE $5 END, cause = $6,
                progress_done = CASE WHEN $7 IS NULL THEN progress_done ELSE $7 END,
                progress_total = CASE WHEN $7 IS NULL THEN progress_total ELSE $8 END,
                progress_unit = CASE WHEN $7 IS NULL THEN progress_unit ELSE $9 END,
                progress_message = CASE WHEN $7 IS NULL THEN progress_message ELSE $10 END,
                result = $12, result_type = $13, revision = revision + 1
            WHERE id = $1 AND claim = $2 AND state = {Running:D} RETURNING id, claim, node)
        """;

    private const string SelectSettled = " SELECT id FROM settled";

    private readonly string withAttempt =
        $"""
        , noted AS (
            {AttemptSql.Add(s, "settled", $"$14, $15, {AttemptSql.NodeName(s, "settled")}, {s}.now() - $16")})
        SELECT id FROM settled
        """;

    private readonly string lockKeys =
        $"""
        SELECT pg_advisory_xact_lock(k)
        FROM (SELECT DISTINCT {KeyLock(s, "q", "o")} AS k FROM unnest($1, $2) AS o (q, o) ORDER BY k) keys
        """;

    // The oldest, also when its place is not known yet: one that came back from the dead letters goes before those that were behind it.
    private readonly string unblock =
        $"""
        UPDATE {s}.message m SET state = CASE WHEN due_at <= {s}.now() THEN {Ready:D} ELSE {Scheduled:D} END, revision = revision + 1
        WHERE state IN ({Arrived:D}, {Blocked:D}) AND id = ANY (ARRAY(
            SELECT least(
                ({OldestOf(s, Blocked)}),
                ({OldestOf(s, Arrived)}))
            FROM (SELECT DISTINCT queue, key FROM unnest($1, $2) AS k (queue, key)) k
            WHERE NOT EXISTS ({HeadOf(s, "k.queue", "k.key")})))
        """;

    // First the locks of the keys, in a statement of its own: what the next one sees is then the truth about them until this transaction
    // ends.
    private readonly string lockArrived =
        $"""
        SELECT queue, ordering_key
        FROM (
            SELECT DISTINCT queue, ordering_key
            FROM (SELECT queue, ordering_key FROM {s}.message WHERE state = {Arrived:D} LIMIT 1000) arrived) keys
        WHERE pg_try_advisory_xact_lock({KeyLock(s, "queue", "ordering_key")})
        """;

    private readonly string placeArrived =
        $"""
        WITH arrived AS (
            SELECT m.id, m.queue, m.ordering_key FROM unnest($1, $2) AS k (queue, key)
            JOIN {s}.message m ON m.state = {Arrived:D} AND m.queue = k.queue AND m.ordering_key = k.key
            ORDER BY m.id LIMIT 10000 FOR UPDATE OF m),
        heads AS (
            SELECT min(id) AS id FROM arrived a
            WHERE NOT EXISTS ({HeadOf(s, "a.queue", "a.ordering_key")})
                AND NOT EXISTS (
                    SELECT FROM {s}.message b WHERE b.state = {Blocked:D} AND b.queue = a.queue AND b.ordering_key = a.ordering_key)
            GROUP BY queue, ordering_key)
        UPDATE {s}.message m SET state = CASE
            WHEN m.id NOT IN (SELECT id FROM heads) THEN {Blocked:D} WHEN m.due_at <= {s}.now() THEN {Ready:D} ELSE {Scheduled:D} END
        FROM arrived WHERE m.id = arrived.id
        """;

    private readonly string report =
        $"""
        UPDATE {s}.message
        SET progress_done = $3, progress_total = $4, progress_unit = $5, progress_message = $6, revision = revision + 1
        WHERE id = $1 AND claim = $2 AND state = {Running:D} RETURNING id
        """;

    private readonly string cancelRequests =
        $"SELECT id, claim FROM {s}.message WHERE state = {Running:D} AND node = $1 AND cancel_reason IS NOT NULL";

    // A process dies as a whole: where one message ran alone, no other can be to blame. Those that ran alone go last, so that the next call
    // still knows of them.
    private readonly string rescue =
        $"""
        WITH lone AS MATERIALIZED (
            SELECT DISTINCT m.node FROM {s}.node n JOIN {s}.message m ON m.node = n.id AND m.state = {Running:D}
            WHERE n.dead_at IS NOT NULL AND m.alone = m.claim),
        abandoned AS (
            SELECT m.id, n.name, m.alone = m.claim AS alone,
                m.alone = m.claim OR (m.node NOT IN (SELECT node FROM lone) AND (m.deaths = 0 OR m.started = m.claim)) AS blamed
            FROM {s}.node n JOIN {s}.message m ON m.node = n.id AND m.state = {Running:D}
            WHERE n.dead_at IS NOT NULL ORDER BY m.alone = m.claim, m.id LIMIT $1 FOR UPDATE OF m SKIP LOCKED),
        handed AS (
            UPDATE {s}.message m SET state = {Ready:D}, deaths = CASE WHEN blamed THEN deaths + 1 ELSE deaths END,
                died_alone = CASE WHEN blamed THEN abandoned.alone ELSE died_alone END, revision = revision + 1
            FROM abandoned WHERE m.id = abandoned.id RETURNING m.id, m.claim, m.claimed_at, abandoned.name),
        noted AS (
            {AttemptSql.Add(s, "handed", $"'{Lost}', '{LostAttempt.ProcessEnded}', handed.name, handed.claimed_at")})
        SELECT count(*) FROM handed
        """;

    // Neither leaving nor a lost answer is dying: no death is counted.
    private readonly string handBack =
        $"""
        WITH handed AS (
            UPDATE {s}.message m SET state = {Ready:D}, revision = revision + 1
            WHERE state = {Running:D} AND node = $1 AND id <> ALL ($2) RETURNING id, claim, claimed_at, node),
        noted AS (
            {AttemptSql.Add(s, "handed", $"'{Lost}', $3, {AttemptSql.NodeName(s, "handed")}, handed.claimed_at")})
        SELECT count(*) FROM handed
        """;

    private readonly string prune =
        $"""
        WITH pruned AS (
            DELETE FROM {s}.message
            WHERE id = ANY (ARRAY(
                SELECT id FROM {s}.message WHERE keep_until <= {s}.now() ORDER BY keep_until LIMIT $1 FOR UPDATE SKIP LOCKED))
            RETURNING id),
        history AS (DELETE FROM {s}.attempt WHERE message_id IN (SELECT id FROM pruned))
        SELECT count(*) FROM pruned
        """;

    /// <summary>When a message is due: at its instant or after its delay, and never before it is enqueued.</summary>
    private static string Due(string s, string at, string delay) => $"greatest(coalesce({at}, {s}.now() + {delay}), {s}.now())";

    /// <summary>The state of a new message: one with an ordering key is placed by the next claim.</summary>
    private static string FirstState(string key, string due, string s) =>
        $"CASE WHEN {key} IS NOT NULL THEN {Arrived:D} WHEN {due} <= {s}.now() THEN {Ready:D} ELSE {Scheduled:D} END";

    /// <summary>The oldest that are ready in the queue $2. SKIP LOCKED: two nodes that claim at once get different ones.</summary>
    private static string ReadyOf(string s, string priority, string limit) =>
        $"""
        SELECT id FROM {s}.message WHERE state = {Ready:D} AND queue = $2 AND priority = {priority}
            ORDER BY id LIMIT {limit} FOR UPDATE SKIP LOCKED
        """;

    /// <summary>A row, if the key has a head: an unfinished message that has its place and does not wait for another.</summary>
    private static string HeadOf(string s, string queue, string key) =>
        $"""
        SELECT FROM {s}.message h WHERE h.queue = {queue} AND h.ordering_key = {key} AND h.ordering_key IS NOT NULL
                AND h.state IN ({Ready:D}, {Scheduled:D}, {Running:D})
        """;

    /// <summary>The oldest message of a key k in this state.</summary>
    private static string OldestOf(string s, MessageState state) =>
        $"SELECT o.id FROM {s}.message o WHERE o.state = {state:D} AND o.queue = k.queue AND o.ordering_key = k.key ORDER BY o.id LIMIT 1";

    /// <summary>The number of an ordering key's lock. Locks are the whole database's; a key is its schema's.</summary>
    private static string KeyLock(string s, string queue, string key) => $"hashtextextended('{s}' || {queue} || chr(1) || {key}, 7)";

    public NpgsqlBatchCommand Insert(IReadOnlyList<NewMessage> messages)
    {
        var count = messages.Count;
        var (queues, priorities, kinds, versions) = (new string[count], new short[count], new string[count], new int[count]);
        var (due, delays, tracked, ordering) = (new DateTime?[count], new TimeSpan[count], new bool[count], new string?[count]);
        var (owners, headers, bodies) = (new string?[count], new string?[count], new byte[count][]);
        for (var i = 0; i < count; i++)
        {
            var m = messages[i];
            (queues[i], priorities[i], kinds[i], versions[i]) = (m.Queue, (short)m.Priority, m.Kind, m.Version);
            (due[i], delays[i]) = (m.DueAt is { } at ? Statement.RoundUp(at) : null, m.Delay);
            (tracked[i], ordering[i]) = (m.Tracked, Statement.Name(m.OrderingKey));
            (owners[i], headers[i], bodies[i]) = (Statement.Name(m.Owner), StoredJson.Headers(m.Headers), Array(m.Body));
        }

        return Statement.Of(insert).With(queues).With(priorities).With(kinds).With(versions).WithInstants(due).With(delays).With(tracked)
            .With(ordering).With(owners).With(headers).With(bodies);
    }

    /// <summary>Answers with nothing when the key is taken.</summary>
    public NpgsqlBatchCommand InsertUnique(NewMessage m) => Statement.Of(insertUnique)
        .With(m.Queue).With((int)m.Priority).With(m.Kind).With(m.Version).WithInstant(m.DueAt).With(m.Delay).With(m.Tracked)
        .WithName(m.OrderingKey).WithName(m.Owner).WithText(StoredJson.Headers(m.Headers)).With(m.Body)
        .With(m.UniqueKey!).WithInterval(m.UniqueFor);

    public NpgsqlBatchCommand Peek(NodeId node, string[] queues) => Statement.Of(peek).With(node.Value).With(queues);

    public NpgsqlBatchCommand PromoteDue() => Statement.Of(promoteDue);

    public NpgsqlBatchCommand Claim(NodeId node, QueueDemand demand)
    {
        var (first, third) = demand.LowestFirst ? (Priority.Low, Priority.High) : (Priority.High, Priority.Low);
        return Statement.Of(claim).With(node.Value).With(demand.Queue).With((long)demand.Limit)
            .With((int)first).With((int)Priority.Normal).With((int)third);
    }

    public NpgsqlBatchCommand LockArrived() => Statement.Of(lockArrived);

    public NpgsqlBatchCommand PlaceArrived(string[] queues, string[] keys) => Statement.Of(placeArrived).With(queues).With(keys);

    public NpgsqlBatchCommand Start(IReadOnlyList<Claim> claims, bool alone) =>
        Statement.Of(start).With(claims.Select(c => c.Id.Value).ToArray()).With(claims.Select(c => c.Number).ToArray()).With(alone);

    public NpgsqlBatchCommand Delete(long[] ids, long[] claims) => Statement.Of(delete).With(ids).With(claims);

    public NpgsqlBatchCommand LockKeys(string[] queues, string[] keys) => Statement.Of(lockKeys).With(queues).With(keys);

    public NpgsqlBatchCommand Unblock(string[] queues, string[] keys) => Statement.Of(unblock).With(queues).With(keys);

    /// <summary>Lets messages wait for their next attempt; answers with the ids of those whose claim was held.</summary>
    public NpgsqlBatchCommand Wait(IReadOnlyList<Settlement> settlements)
    {
        return Statement.Of(wait)
            .With(Each(w => w.Message.Claim.Id.Value)).With(Each(w => w.Message.Claim.Number))
            .With(Each(w => w.Delay)).With(Each(w => w.SpendsAttempt ? 1 : 0))
            .WithTexts(Each(w => w.Reason)).WithTexts(Each(w => w.Cause))
            .With(Each(w => w.Progress?.Done)).With(Each(w => w.Progress?.Total))
            .WithTexts(Each(w => w.Progress?.Unit)).WithTexts(Each(w => w.Progress?.Message))
            .With(Each(w => w.Recorded)).WithTexts(Each(w => w.Outcome)).WithTexts(Each(w => w.HistoryError())).With(Each(w => w.Ran));

        T[] Each<T>(Func<Settlement, T> value) => [.. settlements.Select(value)];
    }

    /// <summary>Ends one message; answers with its id when the claim was held.</summary>
    public NpgsqlBatchCommand Finish(Settlement settlement)
    {
        var command = Statement.Of(finish + (settlement.Recorded ? withAttempt : SelectSettled))
            .With(settlement.Message.Claim.Id.Value).With(settlement.Message.Claim.Number).With((int)settlement.EndState())
            .With(settlement.SpendsAttempt ? 1 : 0).WithText(settlement.Reason).WithText(settlement.EndCause())
            .WithBigint(settlement.Progress?.Done).WithBigint(settlement.Progress?.Total)
            .WithText(settlement.Progress?.Unit).WithText(settlement.Progress?.Message)
            .WithInterval(settlement.EndKeepFor()).WithText(settlement.Result?.Content).WithText(settlement.Result?.ContentType);
        if (settlement.Recorded) command.WithText(settlement.Outcome).WithText(settlement.HistoryError()).With(settlement.Ran);
        return command;
    }

    public NpgsqlBatchCommand Report(Claim claim, Progress progress) => Statement.Of(report).With(claim.Id.Value).With(claim.Number)
        .WithBigint(progress.Done).WithBigint(progress.Total).WithText(progress.Unit).WithText(progress.Message);

    public NpgsqlBatchCommand CancelRequests(NodeId node) => Statement.Of(cancelRequests).With(node.Value);

    public NpgsqlBatchCommand Rescue(int limit) => Statement.Of(rescue).With((long)limit);

    /// <param name="node">Whose.</param>
    /// <param name="known">What it keeps.</param>
    /// <param name="why">For the history.</param>
    public NpgsqlBatchCommand HandBack(NodeId node, long[] known, string why) =>
        Statement.Of(handBack).With(node.Value).With(known).With(why);

    public NpgsqlBatchCommand Prune(int limit) => Statement.Of(prune).With((long)limit);

    public static ClaimedMessage ReadClaimed(NpgsqlDataReader row) => new()
    {
        Claim = new Claim(new MessageId(row.GetInt64(0)), row.GetInt64(1)),
        Attempt = row.GetInt32(2) + 1,
        Deaths = row.GetInt32(3),
        Kind = row.GetString(4),
        Version = row.GetInt32(5),
        EnqueuedAt = row.Instant(6),
        DueAt = row.Instant(7),
        Tracked = row.GetBoolean(8),
        OrderingKey = row.TextOrNull(9),
        HoldsUniqueKey = row.GetBoolean(10),
        Owner = row.TextOrNull(11),
        Headers = StoredJson.Headers(row.TextOrNull(12)),
        Body = row.Bytes(13),
        CancelReason = row.TextOrNull(14),
        Queue = row.GetString(15),
        DiedAlone = row.GetBoolean(17),
    };

    private static byte[] Array(ReadOnlyMemory<byte> memory) =>
        MemoryMarshal.TryGetArray(memory, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
            ? segment.Array
            : memory.ToArray();
}
