using Npgsql;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres;

/// <summary>The road of plain messages: appended, claimed by a cursor, settled by a receipt. Whatever else happens to one, it is first taken out into the table of messages, whose road it goes from then on.</summary>
internal sealed class Segments(PostgresStore store, SegmentSql sql)
{
    /// <summary>The claim number of every message in a segment; the table of messages counts on from it.</summary>
    private const long FirstClaim = 1;

    // One claim's answer stays within what a connection's buffers hold.
    private const int AnswerBytes = 64 * 1024;
    private const int LeastBytes = 8 * 1024;
    private const int RowBytes = 100;
    private const int LeastRows = 8;
    private const int MostRows = AnswerBytes / RowBytes;

    // How many messages of the size last seen fit one answer: asking for more would make the server fetch what it then leaves behind.
    private int fitting = 256;
    private long numbers;

    /// <summary>How large a child grows before the next one takes new messages.</summary>
    public long ChildBytes { get; set; } = 64L << 20;

    public static bool Takes(NewMessage message) => message is { OrderingKey: null, UniqueKey: null, Owner: null, Tracked: false, DueAt: null, Delay.Ticks: <= 0 };

    /// <returns>What it got, and whether that was all there was.</returns>
    public async ValueTask<(List<(int Priority, ClaimedMessage Message)> Messages, bool All)> ClaimAsync(NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel)
    {
        // Queues in one order everywhere, or two nodes could wait for each other.
        var ordered = demands.Count == 1 ? demands : [.. demands.OrderBy(d => d.Queue, StringComparer.Ordinal)];
        var bytes = Math.Max(LeastBytes, AnswerBytes / ordered.Count);
        var number = Interlocked.Add(ref numbers, ordered.Count * SegmentSql.NumbersPerClaim) - ordered.Count * SegmentSql.NumbersPerClaim;
        var claimed = new List<(int Priority, ClaimedMessage Message)>();
        var bodiless = 0;
        var all = true;
        await store.Connections.WriteAsync(null, async reader =>
        {
            claimed.Clear();
            (bodiless, all) = (0, true);
            foreach (var demand in ordered)
            {
                SegmentClaim? origin = null;
                var (count, size) = (0, 0);
                while (await reader.ReadAsync(CancellationToken.None))
                {
                    if (origin?.Number != reader.GetInt64(1)) origin = new SegmentClaim(reader.GetInt16(0), node.Value, reader.GetInt64(1));
                    var message = Read(reader, origin, demand.Queue);
                    if (message.Body.IsEmpty && reader.IsDBNull(8)) bodiless++;
                    claimed.Add((reader.GetInt16(3), message));
                    (count, size) = (count + 1, size + RowBytes + message.Body.Length);
                }

                // Well within both limits: nothing was cut off.
                all &= count < Math.Min(demand.Limit, fitting) && size < bytes / 2;
                await reader.NextResultAsync(CancellationToken.None);
            }

            return true;
        }, cancel, [.. ordered.Select((d, i) => sql.Claim(node, number + i * SegmentSql.NumbersPerClaim, d with { Limit = Math.Min(d.Limit, fitting) }, bytes))]);
        if (claimed.Count > 0) fitting = Math.Clamp((int)(bytes * 1.1 / (RowBytes + claimed.Average(m => m.Message.Body.Length))), LeastRows, MostRows);
        if (bodiless > 0) await FetchBodiesAsync(claimed);
        return (claimed, all && bodiless == 0);
    }

    /// <summary>Refuses segments that were filled by a server whose transaction numbers are ahead of this one's: new messages would sort before the cursor, and nobody would ever claim them.</summary>
    public async ValueTask ThrowIfRestoredAsync(CancellationToken cancel)
    {
        if (!await store.Connections.ReadAsync(async reader => await reader.ReadAsync(cancel) && reader.GetBoolean(0), cancel, sql.IsAhead())) return;
        throw new StoreException("The database was restored from a dump into a server with lower transaction numbers, so plain messages would not be found. Nothing was touched. "
            + "Run the statements under \"Restored from a dump\" of docs/operations/postgres.md as the schema's owner, then start again.");
    }

    public NpgsqlBatchCommand Insert(IReadOnlyList<NewMessage> messages) => sql.Insert(messages);

    /// <summary>Settles those that went well; takes the others out, so that they can be settled in the table of messages.</summary>
    /// <param name="settlements">Of messages in the segments.</param>
    /// <param name="each">Whether each is to have a receipt of its own: in the transaction of their effects.</param>
    public List<(SegmentClaim Claim, long[] Ids, NpgsqlBatchCommand Command)> Settle(IEnumerable<Settlement> settlements, bool each)
    {
        var commands = new List<(SegmentClaim, long[], NpgsqlBatchCommand)>();
        // Claims in one order everywhere, as above.
        foreach (var claim in settlements.GroupBy(s => (SegmentClaim)s.Message.Origin!).OrderBy(c => c.Key.Node).ThenBy(c => c.Key.Number))
        {
            foreach (var part in claim.GroupBy(s => s.Next == NextState.Succeeded))
            {
                long[] ids = [.. part.Select(s => s.Message.Claim.Id.Value)];
                commands.Add((claim.Key, ids, part.Key ? ids.Length == 1 ? sql.SettleOne(claim.Key, ids[0]) : sql.Settle(claim.Key, ids, each) : sql.TakeOut(claim.Key, ids)));
            }
        }

        return commands;
    }

    /// <summary>Settles one that went well, or fails as <see cref="SaysNotHeld"/> knows.</summary>
    public NpgsqlBatchCommand SettleOrThrow(Settlement settlement) => sql.SettleOneOrThrow((SegmentClaim)settlement.Message.Origin!, settlement.Message.Claim.Id.Value);

    public bool SaysNotHeld(PostgresException e) => sql.SaysNotHeld(e);

    /// <summary>Takes the message out, if it is in a segment and visible to everybody. In a transaction of its own, whose locks last moments.</summary>
    public async ValueTask<bool> TakeOutAsync(MessageId id, CancellationToken cancel)
    {
        while (true)
        {
            var answer = await store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None) ? reader.GetInt32(0) : 0, cancel, sql.TakeOut(id));
            if (answer < 2) return answer == 1;
        }
    }

    /// <summary>Takes the message out that this very transaction enqueued.</summary>
    public ValueTask<bool> TakeOutOwnAsync(MessageId id, NpgsqlTransaction transaction, CancellationToken cancel) =>
        store.Connections.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel), cancel, sql.TakeOutOwn(id));

    public NpgsqlBatchCommand TakeOut(NodeId? node, int limit) => sql.TakeOut(node, limit);

    /// <summary>Whatever the node holds but these. A claim's answer arrives whole or not at all, so that one known message speaks for its claim.</summary>
    public NpgsqlBatchCommand TakeOut(NodeId node, long[] known) => sql.TakeOut(node, known);

    /// <summary>Frees the room of segments that are done with.</summary>
    public ValueTask<bool> RotateAsync(CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None) && reader.GetBoolean(0), cancel, sql.Rotate(ChildBytes));

    private async ValueTask FetchBodiesAsync(List<(int Priority, ClaimedMessage Message)> claimed)
    {
        try
        {
            foreach (var claim in claimed.Select(m => m.Message).Where(m => m.Body.IsEmpty).GroupBy(m => (SegmentClaim)m.Origin!).ToList())
            {
                var found = await store.Connections.ReadAsync(async reader =>
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
        var enqueued = row.Instant(4);
        return new ClaimedMessage
        {
            Claim = new Claim(new MessageId(row.GetInt64(2)), FirstClaim),
            Origin = origin,
            Attempt = 1,
            Deaths = 0,
            Queue = queue,
            EnqueuedAt = enqueued,
            DueAt = enqueued,
            Kind = row.GetString(5),
            Version = row.GetInt32(6),
            Headers = StoredJson.Headers(row.TextOrNull(7)),
            Body = row.IsDBNull(8) ? default : row.Bytes(8),
        };
    }
}
