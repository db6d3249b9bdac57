using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Segments.Sql;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Segments;

/// <summary>
/// The road of plain messages: appended, claimed by a cursor, settled by a receipt. Whatever else happens to one, it is first taken out
/// into the table of messages, whose road it goes from then on.
/// </summary>
internal sealed class PostgresSegments(PostgresSession session, Looks looks, SegmentSql sql)
{
    /// <summary>The claim number of every message in a segment; the table of messages counts on from it.</summary>
    private const long FirstClaim = 1;

    private const int HinderedByReader = 2;

    private readonly Hindrance hindrance = new();
    private long numbers;

    /// <summary>How large a segment grows before the next one takes new messages.</summary>
    public long SegmentBytes { get; set; } = 64L << 20;

    public static bool Takes(NewMessage message) =>
        message is { OrderingKey: null, UniqueKey: null, Owner: null, Tracked: false, DueAt: null, Delay.Ticks: <= 0 };

    public async ValueTask<SegmentAnswer> ClaimAsync(
        NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel)
    {
        // Queues in one order everywhere, or two nodes could wait for each other.
        var ordered = demands.Count == 1 ? demands : [.. demands.OrderBy(d => d.Queue, StringComparer.Ordinal)];
        var queues = ordered.Select(d => d.Queue).ToArray();
        var (plan, began) = (looks.Plan, looks.Now);
        var (asked, (rows, bytes)) = (plan.OldestFor(queues, began), plan.Most(queues.Length));
        var limits = ordered.Select(d => Math.Min(d.Limit, rows)).ToArray();
        var number = Interlocked.Add(ref numbers, ordered.Count * SegmentLane.Count) - ordered.Count * SegmentLane.Count;
        var claimed = new List<(int Priority, ClaimedMessage Message)>();
        var bodiless = 0;
        var got = new (int Count, int Bytes)[ordered.Count];
        SegmentLane? lane = null;
        await session.WriteAsync(null, async reader =>
        {
            claimed.Clear();
            bodiless = 0;
            Array.Clear(got);
            lane = null;
            SegmentClaim? origin = null;
            while (await reader.ReadAsync(CancellationToken.None))
            {
                var here = new SegmentLane(reader.GetInt32(0));
                if (here != lane) origin = new SegmentClaim((short)here.Segment, node.Value, number + here.Number);
                lane = here;
                var message = Read(reader, origin!, queues[here.Place]);
                if (message.Body.IsEmpty && reader.IsDBNull(6)) bodiless++;
                claimed.Add((here.Priority, message));
                got[here.Place] = (got[here.Place].Count + 1, got[here.Place].Bytes + ClaimPlanner.RowBytes + message.Body.Length);
            }

            return true;
        }, cancel, sql.Claim(node, number, queues, limits, [.. ordered.Select(d => d.LowestFirst)], bytes, asked));
        looks.Change(static (plan, look) => plan.FoundInSegments(look), new SegmentLook(queues, asked, began, bytes)
        {
            Count = claimed.Count, BodyBytes = claimed.Sum(m => (long)m.Message.Body.Length), Oldest = lane?.Oldest,
        });
        // Well within both limits and from the oldest segment: nothing was cut off, and nothing of a younger one left out.
        var all = bodiless == 0 && lane?.Segment == lane?.Oldest
            && got.Zip(limits).All(g => g.First.Count < g.Second && g.First.Bytes < bytes / 2);
        if (bodiless > 0) await FetchBodiesAsync(claimed);
        return new SegmentAnswer(claimed, all, asked < 0);
    }

    /// <summary>
    /// Refuses segments that were filled by a server whose transaction numbers are ahead of this one's: new messages would sort before the
    /// cursor, and nobody would ever claim them.
    /// </summary>
    public async ValueTask ThrowIfRestoredAsync(CancellationToken cancel)
    {
        var isAhead = await session.ReadAsync(
            async reader => await reader.ReadAsync(cancel) && reader.GetBoolean(0), cancel, sql.IsAhead());
        if (!isAhead) return;
        throw new StoreException(
            "The database was restored from a dump into a server with lower transaction numbers, so plain messages would not be found. "
            + "Nothing was touched. Run the statements under \"Restored from a dump\" of docs/operations/postgres.md as the schema's "
            + "owner, then start again.");
    }

    public NpgsqlBatchCommand Insert(IReadOnlyList<NewMessage> messages) => sql.Insert(messages);

    /// <summary>
    /// Settles those of the segments that went well; takes the others of them out, so that they can be settled in the table of messages.
    /// </summary>
    /// <param name="settlements">Of any messages.</param>
    /// <param name="each">Whether each is to have a receipt of its own: in the transaction of their effects.</param>
    public List<SegmentPart> Settle(IReadOnlyList<Settlement> settlements, bool each)
    {
        // The messages of a claim share its object.
        var claims = new Dictionary<object, (List<int> Done, List<int> Others)>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < settlements.Count; i++)
        {
            if (settlements[i].Message.Origin is not SegmentClaim claim) continue;
            if (!claims.TryGetValue(claim, out var places)) claims[claim] = places = ([], []);
            (settlements[i].Next == NextState.Succeeded ? places.Done : places.Others).Add(i);
        }

        var parts = new List<SegmentPart>();
        // Claims in one order everywhere, as above.
        var ordered = claims.Select(c => ((SegmentClaim)c.Key, c.Value)).OrderBy(c => c.Item1.Node).ThenBy(c => c.Item1.Number);
        foreach (var (claim, (done, others)) in ordered)
        {
            var ids = Ids(done);
            var settle = ids.Length == 1 ? sql.SettleOne(claim, ids[0]) : sql.Settle(claim, ids, each);
            if (ids.Length > 0) parts.Add(new SegmentPart(done, ids, settle));
            if (others.Count > 0) parts.Add(new SegmentPart([], [], sql.TakeOut(claim, Ids(others))));
        }

        return parts;

        long[] Ids(List<int> places)
        {
            var ids = new long[places.Count];
            for (var i = 0; i < ids.Length; i++) ids[i] = settlements[places[i]].Message.Claim.Id.Value;
            return ids;
        }
    }

    /// <summary>Settles one that went well, or fails as <see cref="SaysNotHeld"/> knows.</summary>
    public NpgsqlBatchCommand SettleOrThrow(Settlement settlement) =>
        sql.SettleOneOrThrow((SegmentClaim)settlement.Message.Origin!, settlement.Message.Claim.Id.Value);

    public bool SaysNotHeld(PostgresException e) => sql.SaysNotHeld(e);

    /// <summary>
    /// Takes the message out, if it is in a segment and visible to everybody. In a transaction of its own, whose locks last moments.
    /// </summary>
    public async ValueTask<bool> TakeOutAsync(MessageId id, CancellationToken cancel)
    {
        while (true)
        {
            var answer = await session.WriteAsync(
                null, async reader => await reader.ReadAsync(CancellationToken.None) ? reader.GetInt32(0) : 0, cancel, sql.TakeOut(id));
            if (answer < 2) return answer == 1;
        }
    }

    /// <summary>Takes the message out that this very transaction enqueued.</summary>
    public ValueTask<bool> TakeOutOwnAsync(MessageId id, NpgsqlTransaction transaction, CancellationToken cancel) =>
        session.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel), cancel, sql.TakeOutOwn(id));

    public NpgsqlBatchCommand TakeOut(NodeId? node, int limit) => sql.TakeOut(node, limit);

    /// <summary>
    /// Whatever the node holds but these. A claim's answer arrives whole or not at all, so that one known message speaks for its claim.
    /// </summary>
    public NpgsqlBatchCommand TakeOut(NodeId node, long[] known) => sql.TakeOut(node, known);

    /// <summary>Frees the room of segments that are done with. While a reader keeps it from that, it tries less and less often.</summary>
    /// <returns>Whether the next segment takes new messages now.</returns>
    public async ValueTask<bool> RotateAsync(CancellationToken cancel)
    {
        if (hindrance.IsTooEarly) return false;
        var answer = await session.WriteAsync(
            null, async reader =>
                await reader.ReadAsync(CancellationToken.None) ? reader.GetInt32(0) : 0, cancel, sql.Rotate(SegmentBytes));
        hindrance.Answered(answer == HinderedByReader);
        return answer == 1;
    }

    private async ValueTask FetchBodiesAsync(List<(int Priority, ClaimedMessage Message)> claimed)
    {
        try
        {
            var bodiless = claimed.Select(m => m.Message).Where(m => m.Body.IsEmpty).GroupBy(m => (SegmentClaim)m.Origin!).ToList();
            foreach (var claim in bodiless)
            {
                var found = await session.ReadAsync(async reader =>
                {
                    var bodies = new Dictionary<long, byte[]>();
                    while (await reader.ReadAsync(CancellationToken.None)) bodies[reader.GetInt64(0)] = reader.Bytes(1);
                    return bodies;
                }, CancellationToken.None, sql.Bodies(claim.Key, [.. claim.Select(m => m.Claim.Id.Value)]));
                for (var i = 0; i < claimed.Count; i++)
                {
                    var (priority, message) = claimed[i];
                    if (found.TryGetValue(message.Claim.Id.Value, out var body)) claimed[i] = (priority, message with { Body = body });
                }
            }
        }
        catch (StoreException e)
        {
            // They are claimed, and nobody would run them.
            throw new StoreException($"Claimed messages could not be read. {e.Message}", isTransient: true, inDoubt: true, e);
        }
    }

    private static ClaimedMessage Read(NpgsqlDataReader row, SegmentClaim origin, string queue)
    {
        var enqueued = row.Instant(2);
        return new ClaimedMessage
        {
            Claim = new Claim(new MessageId(row.GetInt64(1)), FirstClaim),
            Origin = origin,
            Attempt = 1,
            Deaths = 0,
            Queue = queue,
            EnqueuedAt = enqueued,
            DueAt = enqueued,
            Kind = row.GetString(3),
            Version = row.GetInt32(4),
            Headers = StoredJson.Headers(row.TextOrNull(5)),
            Body = row.IsDBNull(6) ? default : row.Bytes(6),
        };
    }
}

/// <summary>What a claim from segments brought.</summary>
/// <param name="Messages">Each with its priority.</param>
/// <param name="IsAll">Whether that was all there was.</param>
/// <param name="IsFromAll">Whether it asked every segment, not only the oldest that had something and the newest.</param>
internal readonly record struct SegmentAnswer(List<(int Priority, ClaimedMessage Message)> Messages, bool IsAll, bool IsFromAll);

/// <summary>One statement of a settlement in the segments, and which settlements it ends.</summary>
/// <param name="Places">Of those that went well; none for those that are taken out.</param>
/// <param name="Ids">Their messages.</param>
/// <param name="Command">The statement.</param>
internal sealed record SegmentPart(List<int> Places, long[] Ids, NpgsqlBatchCommand Command);
