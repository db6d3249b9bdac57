using System.Data.Common;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Sqlite.Wakeups;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>The messages: what the loops ask for, what people read, and the dead letters.</summary>
internal sealed class SqliteMessages(SqliteSession session, Looks looks) : IMessageStore, IMessageReader, IDeadLetters
{
    private const int RequeuedAtOnce = 200;

    public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return session.WriteAsync<IReadOnlyList<Enqueued>>(transaction, db =>
        {
            var (now, steady) = (session.Now, session.Steady);
            var results = new Enqueued[messages.Count];
            string? noted = null;
            for (var i = 0; i < results.Length; i++)
            {
                if (messages[i].Queue != noted) QueueSql.Note(db, noted = messages[i].Queue).Run();
                results[i] = Arrival.Of(db, messages[i], now, steady);
            }

            return results;
        }, cancel);
    }

    public async ValueTask<IReadOnlyList<ClaimedMessage>?> ClaimAsync(
        NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(demands);
        looks.Begin();
        var (alive, any) = session.Read(db => (NodeSql.IsAlive(db, node).Any(), HasWork(db, demands)));
        if (!alive) return null;
        if (!any) return [];
        var (got, isFull) = await session.WriteAsync<(IReadOnlyList<ClaimedMessage>?, bool)>(null, db =>
        {
            if (!NodeSql.IsAlive(db, node).Any()) return (null, false);
            var now = session.Now;
            var claimed = new List<ClaimedMessage>();
            var isFull = false;
            // Writes only when there are any.
            if (NextDue(db) <= now) MessageSql.PromoteDue(db, now).Run();
            foreach (var demand in demands)
            {
                if (QueueSql.IsPaused(db, demand.Queue).Any()) continue;
                var before = claimed.Count;
                Claim(db, node, demand, now, claimed);
                isFull |= claimed.Count - before == demand.Limit;
            }

            return (claimed, isFull);
        }, cancel);
        looks.End(isFull);
        return got;
    }

    public ValueTask<IReadOnlyList<bool>> StartAsync(IReadOnlyList<Claim> claims, bool alone, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(claims);
        return session.WriteAsync<IReadOnlyList<bool>>(
            null, db => [.. claims.Select(c => MessageSql.Start(db, c, alone).Run() == 1)], cancel);
    }

    public ValueTask<IReadOnlyList<bool>> SettleAsync(
        IReadOnlyList<Settlement> settlements, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(settlements);
        return session.WriteAsync<IReadOnlyList<bool>>(transaction, db =>
        {
            var (now, steady) = (session.Now, session.Steady);
            var answers = new bool[settlements.Count];
            for (var i = 0; i < answers.Length; i++) answers[i] = Settling.Settle(db, settlements[i], now, steady);
            return answers;
        }, cancel);
    }

    public ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, DbTransaction? transaction, CancellationToken cancel) =>
        session.WriteAsync(transaction, db => Changes.Cancel(db, id.Value, reason, session.Now, session.Steady), cancel);

    public async ValueTask ReportAsync(IReadOnlyList<(Claim Claim, Progress Progress)> reports, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(reports);
        await session.WriteAsync(null, db =>
        {
            foreach (var (claim, progress) in reports) MessageSql.Report(db, claim, progress).Run();
        }, cancel);
    }

    public ValueTask<IReadOnlyList<Claim>> CancelRequestsAsync(NodeId node, CancellationToken cancel) => new(session.Read(db =>
        MessageSql.CancelRequests(db, node).All(row => new Claim(new MessageId(row.Long(0)), row.Long(1)))));

    public ValueTask<int> HandBackAsync(NodeId node, IReadOnlyCollection<Claim> known, CancellationToken cancel)
    {
        var except = known.ToHashSet();
        return session.WriteAsync(null, db => GivingBack.HandBack(db, node, except, LostAttempt.AnswerLost, session.Now), cancel);
    }

    public ValueTask<RescueReport> RescueAsync(int limit, CancellationToken cancel)
    {
        // A node whose lease runs out while this waits for the write lock may be waiting for it, too, with a heartbeat.
        var asked = session.Steady;
        if (!session.Read(db => NodeSql.HasDead(db, asked).Any())) return new(new RescueReport([], 0));
        return session.WriteAsync(null, db =>
        {
            var nodes = NodeSql.PresumeDead(db, asked).All(row => row.Text(0));
            var rescued = GivingBack.OfDeadNodes(db, limit, session.Now);
            NodeSql.ForgetDead(db).Run();
            return new RescueReport(nodes, rescued);
        }, cancel);
    }

    public async ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken)
    {
        var (messages, keys) = await session.WriteAsync(null, db => (Prune(db, limit), PruneKeys(db, limit)), cancellationToken);
        // Keys outnumber the messages that are kept; to the last, then, or their table would grow for ever.
        while (keys == limit) keys = await session.WriteAsync(null, db => PruneKeys(db, limit), cancellationToken);
        return messages;
    }

    public ValueTask WaitForWorkAsync(IReadOnlyCollection<string> queues, TimeSpan atMost, CancellationToken cancel) =>
        looks.WaitAsync(() => session.Read(NextDue), atMost, cancel);

    public ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancel) => new(session.Read(db =>
    {
        var now = session.Now;
        return MessageInfoSql.Find(db, id.Value).One(row => MessageInfoSql.Read(row, now)) is { } found
            ? found with { Attempts = AttemptSql.List(db, id.Value).All(AttemptSql.Read) }
            : null;
    }));

    public ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var now = session.Now;
        var items = session.Read(db =>
        {
            using var rows = MessageInfoSql.List(db, filter, now);
            return rows.All(row => MessageInfoSql.Read(row, now));
        });
        if (items.Count <= filter.Limit) return new(new MessagePage(items, null));
        items.RemoveAt(filter.Limit);
        return new(new MessagePage(items, items[^1].Id));
    }

    public ValueTask<IReadOnlyList<DeadLetterGroup>> GroupsAsync(CancellationToken cancellationToken = default) =>
        new(session.Read(db => MessageInfoSql.Groups(db).All(MessageInfoSql.ReadGroup)));

    public ValueTask<bool> RequeueAsync(MessageId id, ReadOnlyMemory<byte>? body = null, CancellationToken cancellationToken = default)
    {
        session.ThrowIfBeside(nameof(RequeueAsync));
        return session.WriteAsync(null, db => Changes.Requeue(db, id.Value, body, session.Now), cancellationToken);
    }

    public async ValueTask<long> RequeueAsync(MessageFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        session.ThrowIfBeside(nameof(RequeueAsync));
        if (!StoredText.CanFit(filter)) return 0;
        // Frozen at the start: a message that dies again while this runs is not requeued twice.
        var upTo = session.Read(db => MessageInfoSql.Newest(db).Number() ?? 0);
        long after = 0, requeued = 0;
        while (true)
        {
            var (last, count) = await session.WriteAsync(null, db =>
            {
                var ids = DeadLetters(db, filter, after, upTo);
                return (ids.Count == 0 ? 0 : ids[^1], ids.Count(id => Changes.Requeue(db, id, null, session.Now)));
            }, cancellationToken);
            requeued += count;
            if (last == 0) return requeued;
            after = last;
        }
    }

    public ValueTask<bool> DiscardAsync(MessageId id, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        session.ThrowIfBeside(nameof(DiscardAsync));
        reason = StoredText.Cut(reason, 500);
        return session.WriteAsync(null, db => Changes.Discard(db, id.Value, reason, session.Now, session.Steady), cancellationToken);
    }

    private static DateTimeOffset? NextDue(Statements db) =>
        MessageSql.NextDue(db).Number() is { } due ? DateTimeOffset.FromUnixTimeMilliseconds(due) : null;

    private bool HasWork(Statements db, IReadOnlyList<QueueDemand> demands)
    {
        if (NextDue(db) <= session.Now) return true;
        foreach (var demand in demands)
        {
            if (MessageSql.HasReady(db, demand.Queue).Any() && !QueueSql.IsPaused(db, demand.Queue).Any()) return true;
        }

        return false;
    }

    /// <summary>One priority after the other, each only as far as the ones before left some of the limit.</summary>
    private static void Claim(Statements db, NodeId node, QueueDemand demand, DateTimeOffset now, List<ClaimedMessage> claimed)
    {
        var left = demand.Limit;
        for (var step = Priority.Low; step <= Priority.High && left > 0; step++)
        {
            var first = claimed.Count;
            var rows = MessageSql.Claim(db, node, demand.Queue, demand.LowestFirst ? step : (Priority)(Priority.High - step), left, now);
            while (rows.Step()) claimed.Add(MessageSql.ReadClaimed(rows, demand.Queue));
            // SQLite promises no order for RETURNING.
            var count = claimed.Count - first;
            if (count > 1) claimed.Sort(first, count, OldestFirst.Instance);
            left -= count;
        }
    }

    private int Prune(Statements db, int limit)
    {
        var pruned = MessageSql.Prune(db, session.Steady, limit).All(row => row.Long(0));
        foreach (var id in pruned) AttemptSql.Delete(db, id).Run();
        return pruned.Count;
    }

    private int PruneKeys(Statements db, int limit) => UniqueSql.Prune(db, session.Steady, limit).Run();

    private static List<long> DeadLetters(Statements db, MessageFilter filter, long after, long upTo)
    {
        using var rows = MessageInfoSql.DeadLetters(db, filter, after, upTo, RequeuedAtOnce);
        return rows.All(row => row.Long(0));
    }

    private sealed class OldestFirst : IComparer<ClaimedMessage>
    {
        public static readonly OldestFirst Instance = new();
        public int Compare(ClaimedMessage? x, ClaimedMessage? y) => x!.Claim.Id.Value.CompareTo(y!.Claim.Id.Value);
    }
}
