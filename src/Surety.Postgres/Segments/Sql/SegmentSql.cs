using Npgsql;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Segments.Sql;

/// <summary>
/// The segments: plain messages in, claimed, settled, and copied to the table of messages when something else is to happen to them. The
/// work is done by the schema's functions.
/// </summary>
/// <param name="s">The quoted schema.</param>
/// <param name="name">Its name.</param>
internal sealed class SegmentSql(string s, string name)
{
    public const int Segments = 4;

    private readonly string insertOne =
        $"""
        INSERT INTO {s}.segment (segment, queue, priority, xid, id, enqueued_at, kind, version, headers, body)
        SELECT last_value, $1, $2, pg_current_xact_id()::text::bigint, nextval('{s}.message_id_seq'), {s}.now(), $3, $4, $5, $6
        FROM {s}.segment_newest RETURNING id
        """;

    private readonly string insert =
        $"""
        INSERT INTO {s}.segment (segment, queue, priority, xid, id, enqueued_at, kind, version, headers, body)
        SELECT (SELECT last_value FROM {s}.segment_newest), m.queue, m.priority, (SELECT pg_current_xact_id()::text::bigint),
            nextval('{s}.message_id_seq'), (SELECT {s}.now()), m.kind, m.version, m.headers, m.body
        FROM unnest($1, $2, $3, $4, $5, $6) AS m (queue, priority, kind, version, headers, body) RETURNING id
        """;

    // Most are of one kind for one queue, and a list costs by its elements: this takes the server two thirds of the time.
    private readonly string insertAlike =
        $"""
        INSERT INTO {s}.segment (segment, queue, priority, xid, id, enqueued_at, kind, version, headers, body)
        SELECT (SELECT last_value FROM {s}.segment_newest), $1, $2, (SELECT pg_current_xact_id()::text::bigint),
            nextval('{s}.message_id_seq'), (SELECT {s}.now()), $3, $4, m.headers, m.body
        FROM unnest($5, $6) AS m (headers, body) RETURNING id
        """;

    private readonly string claim = $"SELECT * FROM {s}.claim_messages($1, $2, $3, $4, $5, $6, $7)";
    private readonly string bodies =
        $"""
        SELECT s.id, s.body
        FROM {s}.claim c JOIN {s}.segment s ON s.segment = c.segment AND s.queue = c.queue AND s.priority = c.priority
            AND s.xid BETWEEN c.lowest_xid AND c.highest_xid AND s.id = ANY ($4)
        WHERE c.segment = $1 AND c.node = $2 AND c.number = $3
        """;

    private readonly string settle = $"SELECT {s}.settle_segment($1, $2, $3, $4, $5)";
    private readonly string[] settleOne =
        [.. Enumerable.Range(0, Segments).Select(segment => $"SELECT {s}.settle_segment_one_{segment}($1, $2, $3)")];

    // A row that cannot be inserted ends the transaction: a message taken out or settled before meets the key, and where the claim is gone
    // there is no number. That the message is of this claim is known from claiming it. A plain statement, because this is done once a
    // message, and a function that does it costs twice as much.
    private readonly string[] settleOneOrThrow =
    [
        .. Enumerable.Range(0, Segments).Select(segment =>
            $"""
            INSERT INTO {s}.receipt_{segment} (segment, node, number, id) VALUES ({segment}, $1, (
                SELECT c.number FROM {s}.claim_{segment} c
                WHERE c.segment = {segment} AND c.node = $1 AND c.number = $2
                    AND pg_advisory_xact_lock_shared(hashint8extended($2, $1)) IS NOT NULL
                    AND NOT EXISTS (SELECT FROM {s}.receipt_{segment} r
                        WHERE r.segment = {segment} AND r.node = $1 AND r.number = $2 AND r.id < 0 AND $3 = ANY (r.ids))), $3)
            """),
    ];

    private readonly string takeOut = $"SELECT {s}.take_out($1, $2, $3, $4)";
    private readonly string takeOutOne = $"SELECT {s}.take_out_one($1)";
    private readonly string takeOutOwn =
        $"""
        WITH own AS (DELETE FROM {s}.segment WHERE id = $1 AND xid = pg_current_xact_id_if_assigned()::text::bigint RETURNING *)
        INSERT INTO {s}.message (id, state, priority, version, enqueued_at, due_at, tracked, queue, kind, headers, body)
        SELECT id, 1, priority, version, enqueued_at, enqueued_at, false, queue, kind, headers, body FROM own RETURNING id
        """;

    private readonly string takeOutNode = $"SELECT {s}.take_out_node($1, $2)";

    // The open ones first: they are few, and comparing lists of messages is not cheap.
    private readonly string takeOutUnknown =
        $"""
        SELECT count({s}.take_out(o.segment, o.node, o.number, NULL))
        FROM (SELECT c.segment, c.node, c.number, c.ids
            FROM generate_series(0, 3) AS g (segment) JOIN {s}.claim c ON c.segment = g.segment AND c.node = $1
            WHERE cardinality(c.ids) > (
                SELECT coalesce(sum(CASE WHEN r.id < 0 THEN cardinality(r.ids) ELSE 1 END), 0) FROM {s}.receipt r
                WHERE r.segment = c.segment AND r.node = c.node AND r.number = c.number)
            OFFSET 0) o
        WHERE NOT o.ids && $2
        """;

    // A cursor is a transaction's number, and those begin anew in a server that was restored from a dump.
    private readonly string isAhead =
        $"""
        SELECT coalesce(greatest((SELECT max(xid) FROM {s}.segment), (SELECT max(xid) FROM {s}.claim))
            >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint, false)
        """;

    private readonly string rotate = $"SELECT {s}.rotate_segments($1)";

    public NpgsqlBatchCommand IsAhead() => Statement.Of(isAhead);

    public NpgsqlBatchCommand Insert(IReadOnlyList<NewMessage> messages)
    {
        if (messages is [var one])
            return Statement.Of(insertOne).With(one.Queue).With((short)one.Priority).With(one.Kind).With(one.Version)
                .WithText(StoredJson.Headers(one.Headers)).With(one.Body);
        var count = messages.Count;
        var (headers, bodies) = (new string?[count], new ReadOnlyMemory<byte>[count]);
        var first = count > 0 ? messages[0] : null;
        var alike = first is not null;
        for (var i = 0; i < count; i++)
        {
            var m = messages[i];
            (headers[i], bodies[i]) = (StoredJson.Headers(m.Headers), m.Body);
            alike = alike && (m.Queue, m.Priority, m.Kind, m.Version) == (first!.Queue, first.Priority, first.Kind, first.Version);
        }

        if (alike)
            return Statement.Of(insertAlike).With(first!.Queue).With((short)first.Priority).With(first.Kind).With(first.Version)
                .With(headers).With(bodies);
        var (queues, priorities, kinds, versions) = (new string[count], new short[count], new string[count], new int[count]);
        for (var i = 0; i < count; i++)
        {
            var m = messages[i];
            (queues[i], priorities[i], kinds[i], versions[i]) = (m.Queue, (short)m.Priority, m.Kind, m.Version);
        }

        return Statement.Of(insert).With(queues).With(priorities).With(kinds).With(versions).With(headers).With(bodies);
    }

    public NpgsqlBatchCommand Claim(NodeId node, long number, string[] queues, int[] limits, bool[] lowestFirst, int bytes, int oldest) =>
        Statement.Of(claim).With(node.Value).With(number).With(queues).With(limits).With(lowestFirst).With(bytes).With(oldest);

    public NpgsqlBatchCommand Bodies(SegmentClaim claim, long[] ids) => Of(bodies, claim).With(ids);

    /// <param name="claim">Whose.</param>
    /// <param name="ids">Which.</param>
    /// <param name="each">Whether each gets a receipt of its own.</param>
    public NpgsqlBatchCommand Settle(SegmentClaim claim, long[] ids, bool each) => Of(settle, claim).With(ids).With(each);

    public NpgsqlBatchCommand SettleOne(SegmentClaim claim, long id) => One(settleOne[claim.Segment], claim, id);

    /// <summary>Fails as <see cref="SaysNotHeld"/> knows when the message has left its claim.</summary>
    public NpgsqlBatchCommand SettleOneOrThrow(SegmentClaim claim, long id) => One(settleOneOrThrow[claim.Segment], claim, id);

    public NpgsqlBatchCommand TakeOut(SegmentClaim claim, long[] ids) => Of(takeOut, claim).With(ids);

    public NpgsqlBatchCommand TakeOut(MessageId id) => Statement.Of(takeOutOne).With(id.Value);

    public NpgsqlBatchCommand TakeOutOwn(MessageId id) => Statement.Of(takeOutOwn).With(id.Value);

    /// <summary>Null: of every dead node.</summary>
    public NpgsqlBatchCommand TakeOut(NodeId? node, int limit) => Statement.Of(takeOutNode).WithBigint(node?.Value).With(limit);

    public NpgsqlBatchCommand TakeOut(NodeId node, long[] known) => Statement.Of(takeOutUnknown).With(node.Value).With(known);

    public NpgsqlBatchCommand Rotate(long bytes) => Statement.Of(rotate).With(bytes);

    private static NpgsqlBatchCommand One(string text, SegmentClaim claim, long id) =>
        Statement.Of(text).With(claim.Node).With(claim.Number).With(id);

    /// <summary>
    /// Whether this is how <see cref="SettleOneOrThrow"/> fails; the transaction's other statements, and its deferred constraints, fail
    /// otherwise.
    /// </summary>
    public bool SaysNotHeld(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.NotNullViolation, TableName: { } table }
        && e.SchemaName == name && table.StartsWith("receipt_", StringComparison.Ordinal);

    private static NpgsqlBatchCommand Of(string text, SegmentClaim claim) =>
        Statement.Of(text).With(claim.Segment).With(claim.Node).With(claim.Number);
}

/// <summary>One claim of messages in a segment, as their <see cref="ClaimedMessage.Origin"/>.</summary>
/// <param name="Segment">The segment they are in.</param>
/// <param name="Node">Who claimed them.</param>
/// <param name="Number">Which of the node's claims it was.</param>
internal sealed record SegmentClaim(short Segment, long Node, long Number);
