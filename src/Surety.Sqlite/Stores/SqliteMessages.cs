using System.Data.Common;
using System.Diagnostics;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>The messages: what the loops ask for, what people read, and the dead letters.</summary>
internal sealed class SqliteMessages(SqliteStore store) : IMessageStore, IMessageReader, IDeadLetters
{
    private const int RequeuedAtOnce = 200;

    // The signal's version before the last look at the queues: whatever came later has not been seen.
    private long seen;
    private volatile bool leftSome;

    public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return store.WriteAsync<IReadOnlyList<Enqueued>>(transaction, db =>
        {
            var (now, steady) = (store.Now, store.Steady);
            var results = new Enqueued[messages.Count];
            string? noted = null;
            for (var i = 0; i < results.Length; i++)
            {
                if (messages[i].Queue != noted) QueueSql.Note(db, noted = messages[i].Queue);
                results[i] = MessageSql.Insert(db, messages[i], now, steady);
            }

            return results;
        }, cancel);
    }

    public async ValueTask<IReadOnlyList<ClaimedMessage>?> ClaimAsync(NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(demands);
        Interlocked.Exchange(ref seen, store.Work.Version);
        leftSome = false;
        var (alive, any) = store.Readers.Read(db => (NodeSql.IsAlive(db, node), HasWork(db, demands)));
        if (!alive) return null;
        if (!any) return [];
        var (got, isFull) = await store.WriteAsync<(IReadOnlyList<ClaimedMessage>?, bool)>(null, db =>
        {
            if (!NodeSql.IsAlive(db, node)) return (null, false);
            var now = store.Now;
            var claimed = new List<ClaimedMessage>();
            var isFull = false;
            MessageSql.PromoteDue(db, now);
            foreach (var demand in demands)
            {
                if (QueueSql.IsPaused(db, demand.Queue)) continue;
                var before = claimed.Count;
                MessageSql.Claim(db, node, demand, now, claimed);
                isFull |= claimed.Count - before == demand.Limit;
            }

            return (claimed, isFull);
        }, cancel);
        leftSome = isFull;
        return got;
    }

    public ValueTask<IReadOnlyList<bool>> StartAsync(IReadOnlyList<Claim> claims, bool alone, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(claims);
        return store.WriteAsync<IReadOnlyList<bool>>(null, db => [.. claims.Select(c => MessageSql.Start(db, c, alone))], cancel);
    }

    public ValueTask<IReadOnlyList<bool>> SettleAsync(IReadOnlyList<Settlement> settlements, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(settlements);
        return store.WriteAsync<IReadOnlyList<bool>>(transaction, db =>
        {
            var (now, steady) = (store.Now, store.Steady);
            var answers = new bool[settlements.Count];
            for (var i = 0; i < answers.Length; i++) answers[i] = MessageSql.Settle(db, settlements[i], now, steady);
            return answers;
        }, cancel);
    }

    public ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, DbTransaction? transaction, CancellationToken cancel) =>
        store.WriteAsync(transaction, db => MessageInfoSql.Cancel(db, id.Value, reason, store.Now, store.Steady), cancel);

    public async ValueTask ReportAsync(IReadOnlyList<(Claim Claim, Progress Progress)> reports, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(reports);
        await store.WriteAsync(null, db =>
        {
            foreach (var (claim, progress) in reports) MessageSql.Report(db, claim, progress);
            return true;
        }, cancel);
    }

    public ValueTask<IReadOnlyList<Claim>> CancelRequestsAsync(NodeId node, CancellationToken cancel) => new(store.Readers.Read(db => MessageSql.CancelRequests(db, node)));

    public ValueTask<int> HandBackAsync(NodeId node, IReadOnlyCollection<Claim> known, CancellationToken cancel)
    {
        var except = known.ToHashSet();
        return store.WriteAsync(null, db => MessageSql.HandBack(db, node, except, LostAttempt.AnswerLost, store.Now), cancel);
    }

    public ValueTask<RescueReport> RescueAsync(int limit, CancellationToken cancel)
    {
        // A node whose lease runs out while this waits for the write lock may be waiting for it, too, with a heartbeat.
        var asked = store.Steady;
        var needed = store.Readers.Read(db => NodeSql.HasDead(db, asked));
        if (!needed) return new(new RescueReport([], 0));
        return store.WriteAsync(null, db =>
        {
            var nodes = NodeSql.PresumeDead(db, asked);
            var rescued = MessageSql.Rescue(db, limit, store.Now);
            NodeSql.ForgetDead(db);
            return new RescueReport(nodes, rescued);
        }, cancel);
    }

    public async ValueTask<int> PruneAsync(int limit, CancellationToken cancel)
    {
        var (messages, keys) = await store.WriteAsync(null, db => (MessageSql.Prune(db, store.Steady, limit), UniqueSql.Prune(db, store.Steady, limit)), cancel);
        // Keys outnumber the messages that are kept; to the last, then, or their table would grow for ever.
        while (keys == limit) keys = await store.WriteAsync(null, db => UniqueSql.Prune(db, store.Steady, limit), cancel);
        return messages;
    }

    public async ValueTask WaitForWorkAsync(IReadOnlyCollection<string> queues, TimeSpan atMost, CancellationToken cancel)
    {
        // A caller that got as many as it asked for asks again.
        if (leftSome) return;
        var began = Stopwatch.GetTimestamp();
        store.Watch.Start();
        var pulse = store.Work.Next;
        if (store.Work.Version != Interlocked.Read(ref seen)) return;
        var due = store.Readers.Read(MessageSql.NextDue);
        while (Stopwatch.GetElapsedTime(began) is var waited && waited < atMost && !pulse.IsCompleted)
        {
            var pause = atMost - waited;
            if (due is { } instant)
            {
                var left = instant - store.Time.GetUtcNow();
                if (left <= TimeSpan.Zero) return;
                if (left < pause) pause = left;
            }

            // Suppressed: that nothing came is no exception.
            await pulse.WaitAsync(pause, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
        }
    }

    public ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancel) => new(store.Readers.Read(db => MessageInfoSql.Find(db, id.Value, store.Now)));

    public ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return new(store.Readers.Read(db => MessageInfoSql.List(db, filter, store.Now)));
    }

    public ValueTask<IReadOnlyList<DeadLetterGroup>> GroupsAsync(CancellationToken cancel = default) => new(store.Readers.Read(MessageInfoSql.Groups));

    public ValueTask<bool> RequeueAsync(MessageId id, ReadOnlyMemory<byte>? body = null, CancellationToken cancel = default)
    {
        store.ThrowIfBeside(nameof(RequeueAsync));
        return store.WriteAsync(null, db => MessageInfoSql.Requeue(db, id.Value, body, store.Now), cancel);
    }

    public async ValueTask<long> RequeueAsync(MessageFilter filter, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        store.ThrowIfBeside(nameof(RequeueAsync));
        if (!StoredText.CanFit(filter)) return 0;
        // Frozen at the start: a message that dies again while this runs is not requeued twice.
        var upTo = store.Readers.Read(MessageInfoSql.Newest);
        long after = 0, requeued = 0;
        while (true)
        {
            var (last, count) = await store.WriteAsync(null, db =>
            {
                var ids = MessageInfoSql.DeadLetters(db, filter, after, upTo, RequeuedAtOnce);
                return (ids.Count == 0 ? 0 : ids[^1], ids.Count(id => MessageInfoSql.Requeue(db, id, null, store.Now)));
            }, cancel);
            requeued += count;
            if (last == 0) return requeued;
            after = last;
        }
    }

    public ValueTask<bool> DiscardAsync(MessageId id, string reason, CancellationToken cancel = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        store.ThrowIfBeside(nameof(DiscardAsync));
        reason = StoredText.Cut(reason, 500);
        return store.WriteAsync(null, db => MessageInfoSql.Discard(db, id.Value, reason, store.Now, store.Steady), cancel);
    }

    private bool HasWork(Statements db, IReadOnlyList<QueueDemand> demands)
    {
        if (MessageSql.NextDue(db) is { } due && due <= store.Now) return true;
        foreach (var demand in demands)
        {
            if (MessageSql.HasReady(db, demand.Queue) && !QueueSql.IsPaused(db, demand.Queue)) return true;
        }

        return false;
    }
}
