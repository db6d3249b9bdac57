using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Segments;
using Surety.Postgres.Segments.Sql;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>The messages: what the loops ask for, what people read, and the dead letters.</summary>
internal sealed class PostgresMessages(PostgresSession session, PostgresSegments segments, Hints hints, Looks looks, MessageTables tables)
    : IMessageStore, IMessageReader, IDeadLetters
{
    private const int RequeuedAtOnce = 200;

    // How long a handler ran whose message may have been taken out meanwhile, for a progress report or to free a segment.
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(1);

    // Where a message is that nobody has claimed.
    private static readonly MessageState[] Waiting =
        [MessageState.Arrived, MessageState.Ready, MessageState.Scheduled, MessageState.Blocked];

    private readonly MessageSql sql = tables.Messages;
    private readonly MessageInfoSql infos = tables.Infos;
    private readonly PlainIntake intake = new(session, segments, tables.Queues);

    public async ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var results = messages.All(PostgresSegments.Takes)
            ? await intake.EnqueueAsync(messages, transaction, cancel)
            : transaction is null ? await session.TransactAsync(own => EnqueueEachAsync(messages, own, cancel), cancel)
            : await EnqueueEachAsync(messages, session.Own(transaction), cancel);
        Hint(transaction, NewsOf(messages));
        return results;
    }

    public async ValueTask<IReadOnlyList<ClaimedMessage>?> ClaimAsync(
        NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(demands);
        var first = looks.Begin(demands);
        var plainIsEmpty = false;
        if (first == LookFirst.Plain)
        {
            var plain = await segments.ClaimAsync(node, demands, cancel);
            // The other sort was not asked, and may have had some a moment ago.
            if (plain.Messages is { Count: > 0 and var count } messages)
                return End(new Look(count, plain.IsAll && !looks.Plan.OtherFound) { Plain = true }, messages, demands);
            plainIsEmpty = plain.IsFromAll;
        }
        else if (first == LookFirst.Other && await ClaimOthersAsync(node, demands, promote: false, cancel) is { Count: > 0 } more)
        {
            return End(new Look(more.Count, IsAll: false) { Other = true }, more, demands);
        }

        return await LookAroundAsync(node, demands, plainIsEmpty, cancel);
    }

    private async ValueTask<IReadOnlyList<ClaimedMessage>?> LookAroundAsync(
        NodeId node, IReadOnlyList<QueueDemand> demands, bool plainIsEmpty, CancellationToken cancel)
    {
        var around = await PeekAsync(node, [.. demands.Select(d => d.Queue)], cancel);
        if (!around.Alive) return null;
        if (around.Arrived) await PlaceArrivedAsync(cancel);
        var claimed = around.Any ? await ClaimOthersAsync(node, demands, around.IsDue, cancel) : [];
        var others = claimed.Count;
        List<QueueDemand> left = [.. demands
            .Select(d => d with { Limit = d.Limit - claimed.Count(m => m.Message.Queue == d.Queue) }).Where(d => d.Limit > 0)];
        // Where the others left no room, nobody asked: the next looks try, or a backlog of them would starve the plain ones.
        var (hasPlain, isAll) = (left.Count == 0, false);
        if (left.Count > 0 && !plainIsEmpty)
        {
            try
            {
                var plain = await segments.ClaimAsync(node, left, cancel);
                (hasPlain, isAll) = (plain.Messages.Count > 0, plain.IsAll && others == 0);
                claimed.AddRange(plain.Messages);
            }
            catch (Exception e) when (claimed.Count > 0 && e is not StoreException { InDoubt: true })
            {
                // Those claimed before are this node's, and nobody else would run them. The next claim meets the same trouble, and says so.
            }
        }

        return End(
            new Look(claimed.Count, isAll) { Plain = hasPlain, Other = others > 0, IsAround = true, Due = around.Due }, claimed, demands);
    }

    public ValueTask<IReadOnlyList<bool>> StartAsync(IReadOnlyList<Claim> claims, bool alone, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(claims);
        return session.WriteAsync<IReadOnlyList<bool>>(null, async reader =>
        {
            var held = new HashSet<Claim>();
            while (await reader.ReadAsync(CancellationToken.None))
                held.Add(new Claim(new MessageId(reader.GetInt64(0)), reader.GetInt64(1)));
            return [.. claims.Select(held.Contains)];
        }, cancel, sql.Start(claims, alone));
    }

    public async ValueTask<IReadOnlyList<bool>> SettleAsync(
        IReadOnlyList<Settlement> settlements, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(settlements);
        var parts = segments.Settle(settlements, each: transaction is not null);
        if (parts.Count == 0) return await SettleOthersAsync(settlements, transaction, cancel);

        // Those taken out are settled in the same breath.
        var others = new SettlePlan([.. settlements.Where(IsOther)], tables);
        var answers = new bool[settlements.Count];
        var answered = await session.WriteAsync(transaction, async reader =>
        {
            Array.Clear(answers);
            foreach (var part in parts)
            {
                await reader.ReadAsync(CancellationToken.None);
                if (part.Ids.Length == 1) answers[part.Places[0]] = reader.GetBoolean(0);
                else if (part.Ids.Length > 1) Mark(part, reader.GetFieldValue<long[]>(0));
                await reader.NextResultAsync(CancellationToken.None);
            }

            return await others.ReadAsync(reader);
        }, cancel, [.. parts.Select(p => p.Command), .. others.Commands]);
        if (others.MakesWork) Made(transaction);

        List<int> refused = [];
        for (int i = 0, other = 0; i < answers.Length; i++)
        {
            if (IsOther(settlements[i])) answers[i] = answered[other++];
            else if (!answers[i]) refused.Add(i);
        }

        if (refused.Count == 0) return answers;
        // Taken out meanwhile, a message may still be running under this claim.
        var again = await SettleOthersAsync([.. refused.Select(i => settlements[i])], transaction, cancel);
        for (var i = 0; i < again.Count; i++) answers[refused[i]] = again[i];
        return answers;

        static bool IsOther(Settlement settlement) => settlement.Message.Origin is null || settlement.Next != NextState.Succeeded;

        void Mark(SegmentPart part, long[] ended)
        {
            var isWhole = ended.Length == part.Ids.Length;
            var some = isWhole ? [] : ended.ToHashSet();
            for (var i = 0; i < part.Ids.Length; i++) answers[part.Places[i]] = isWhole || some.Contains(part.Ids[i]);
        }
    }

    public async ValueTask<IReadOnlyList<bool>> SettleAndCommitAsync(
        IReadOnlyList<Settlement> settlements, OwnedUnitOfWork work, CancellationToken cancel)
    {
        // The usual case in one round trip. It refuses a message that was taken out while its handler ran, and the handler's work with it;
        // where that may well have happened, the longer way.
        if (settlements is [{ Next: NextState.Succeeded, Message.Origin: SegmentClaim } only] && only.Ran < Long
            && work is PostgresUnitOfWork own)
            return [await own.CommitAsync(segments.SettleOrThrow(only), segments.SaysNotHeld)];
        return await IMessageStore.SettleThenCommitAsync(this, settlements, work, cancel);
    }

    public async ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, DbTransaction? transaction, CancellationToken cancel)
    {
        var answer = transaction is null
            ? await session.TransactAsync(own => CancelInAsync(id, reason, own, cancel), cancel)
            : await CancelInAsync(id, reason, session.Own(transaction), cancel);
        if (transaction is null) hints.Committed(News.ForAny);
        return answer;
    }

    public async ValueTask ReportAsync(IReadOnlyList<(Claim Claim, Progress Progress)> reports, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(reports);
        if (reports.Count == 0) return;
        foreach (var report in await ReportOthersAsync(reports))
        {
            if (await segments.TakeOutAsync(report.Claim.Id, cancel)) await ReportOthersAsync([report]);
        }

        ValueTask<List<(Claim Claim, Progress Progress)>> ReportOthersAsync(IReadOnlyList<(Claim Claim, Progress Progress)> some) =>
            session.WriteAsync(null, async reader =>
            {
                var unknown = new List<(Claim, Progress)>();
                foreach (var report in some)
                {
                    if (!await reader.ReadAsync(CancellationToken.None)) unknown.Add(report);
                    await reader.NextResultAsync(CancellationToken.None);
                }

                return unknown;
            }, cancel, [.. some.Select(r => sql.Report(r.Claim, r.Progress))]);
    }

    public ValueTask<IReadOnlyList<Claim>> CancelRequestsAsync(NodeId node, CancellationToken cancel) =>
        session.ReadAsync<IReadOnlyList<Claim>>(async reader =>
        {
            var claims = new List<Claim>();
            while (await reader.ReadAsync(cancel)) claims.Add(new Claim(new MessageId(reader.GetInt64(0)), reader.GetInt64(1)));
            return claims;
        }, cancel, sql.CancelRequests(node));

    public async ValueTask<int> HandBackAsync(NodeId node, IReadOnlyCollection<Claim> known, CancellationToken cancel)
    {
        long[] ids = [.. known.Select(c => c.Id.Value)];
        var count = await session.WriteAsync(null, async reader =>
        {
            await reader.NextResultAsync(CancellationToken.None);
            return await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0;
        }, cancel, segments.TakeOut(node, ids), sql.HandBack(node, ids, LostAttempt.AnswerLost));
        if (count > 0) hints.Committed(News.ForAny);
        return count;
    }

    public async ValueTask<RescueReport> RescueAsync(int limit, CancellationToken cancel)
    {
        await segments.RotateAsync(cancel);
        var hasDead = await session.ReadAsync(
            async reader => await reader.ReadAsync(cancel) && reader.GetBoolean(0), cancel, tables.Nodes.HasDead());
        if (!hasDead) return new RescueReport([], 0);
        var report = await session.WriteAsync(null, async reader =>
        {
            var names = new List<string>();
            while (await reader.ReadAsync(CancellationToken.None)) names.Add(reader.GetString(0));
            await reader.NextResultAsync(CancellationToken.None);
            await reader.NextResultAsync(CancellationToken.None);
            await reader.ReadAsync(CancellationToken.None);
            return new RescueReport(names, (int)reader.GetInt64(0));
        }, cancel, tables.Nodes.PresumeDead(), segments.TakeOut(null, limit), sql.Rescue(limit), tables.Nodes.ForgetDead());
        if (report.Rescued > 0) hints.Committed(News.ForAny);
        return report;
    }

    public async ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken)
    {
        // Keys outnumber the messages that are kept; to the last, then, or their table would grow for ever.
        while (await CountAsync(tables.Unique.Prune(limit)) == limit)
        {
        }

        return await CountAsync(sql.Prune(limit));

        ValueTask<int> CountAsync(NpgsqlBatchCommand command) =>
            session.WriteAsync(
                null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancellationToken,
                command);
    }

    public ValueTask WaitForWorkAsync(IReadOnlyCollection<string> queues, TimeSpan atMost, CancellationToken cancel) =>
        looks.WaitAsync(atMost, cancel);

    public async ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancel)
    {
        // Twice, because it may be taken out between the two looks.
        return await FindOtherAsync(id, cancel)
            ?? await session.ReadAsync(
                async reader => await reader.ReadAsync(cancel) ? MessageInfoSql.Read(reader) : null, cancel, infos.FindSegment(id))
            ?? await FindOtherAsync(id, cancel);
    }

    private ValueTask<MessageInfo?> FindOtherAsync(MessageId id, CancellationToken cancel) => session.ReadAsync(async reader =>
    {
        if (!await reader.ReadAsync(cancel)) return null;
        var found = MessageInfoSql.Read(reader);
        var attempts = new List<AttemptInfo>();
        await reader.NextResultAsync(cancel);
        while (await reader.ReadAsync(cancel)) attempts.Add(AttemptSql.Read(reader));
        return found with { Attempts = attempts };
    }, cancel, infos.Find(id), tables.Attempts.List(id));

    public ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return session.ReadAsync(async reader =>
        {
            var items = new List<MessageInfo>();
            while (await reader.ReadAsync(cancel)) items.Add(MessageInfoSql.Read(reader));
            if (items.Count <= filter.Limit) return new MessagePage(items, null);
            items.RemoveAt(filter.Limit);
            return new MessagePage(items, items[^1].Id);
        }, cancel, infos.List(filter));
    }

    public ValueTask<IReadOnlyList<DeadLetterGroup>> GroupsAsync(CancellationToken cancellationToken = default) =>
        session.ReadAsync<IReadOnlyList<DeadLetterGroup>>(async reader =>
        {
            var groups = new List<DeadLetterGroup>();
            while (await reader.ReadAsync(cancellationToken)) groups.Add(MessageInfoSql.ReadGroup(reader));
            return groups;
        }, cancellationToken, infos.Groups());

    public async ValueTask<bool> RequeueAsync(
        MessageId id, ReadOnlyMemory<byte>? body = null, CancellationToken cancellationToken = default)
    {
        session.ThrowIfBeside(nameof(RequeueAsync));
        return await RequeueAsync([id.Value], body, cancellationToken) == 1;
    }

    public async ValueTask<long> RequeueAsync(MessageFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        session.ThrowIfBeside(nameof(RequeueAsync));
        if (!StoredText.CanFit(filter)) return 0;
        // Frozen at the start: a message that dies again while this runs is not requeued twice.
        var upTo = await session.ReadAsync(
            async reader => await reader.ReadAsync(cancellationToken) ? reader.GetInt64(0) : 0, cancellationToken, infos.Newest());
        long after = 0, requeued = 0;
        while (true)
        {
            var ids = await session.ReadAsync(async reader =>
            {
                var found = new List<long>();
                while (await reader.ReadAsync(cancellationToken)) found.Add(reader.GetInt64(0));
                return found;
            }, cancellationToken, infos.DeadLetters(filter, after, upTo, RequeuedAtOnce));
            if (ids.Count == 0) return requeued;
            requeued += await RequeueAsync([.. ids], null, cancellationToken);
            after = ids[^1];
        }
    }

    public async ValueTask<bool> DiscardAsync(MessageId id, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        session.ThrowIfBeside(nameof(DiscardAsync));
        reason = StoredText.Cut(reason, 500);
        return await session.WriteAsync(
            null,
            async reader => await reader.ReadAsync(CancellationToken.None),
            cancellationToken,
            infos.End(id, reason, MessageState.Dead),
            tables.Unique.Free([id.Value]));
    }

    private async ValueTask<long> RequeueAsync(long[] ids, ReadOnlyMemory<byte>? body, CancellationToken cancel)
    {
        var count = await session.WriteAsync(
            null,
            async reader => await reader.ReadAsync(CancellationToken.None) ? reader.GetInt64(0) : 0,
            cancel,
            infos.Requeue(ids, body));
        if (count > 0) hints.Committed(News.ForAny);
        return count;
    }

    private async Task<IReadOnlyList<Enqueued>> EnqueueEachAsync(
        IReadOnlyList<NewMessage> messages, NpgsqlTransaction transaction, CancellationToken cancel)
    {
        var results = new Enqueued[messages.Count];
        for (var i = 0; i < results.Length;)
        {
            // Runs of messages without a unique key go together.
            var run = messages.Skip(i).TakeWhile(
                m => m.UniqueKey is null && PostgresSegments.Takes(m) == PostgresSegments.Takes(messages[i])).ToList();
            if (run.Count == 0)
            {
                results[i] = await EnqueueUniqueAsync(messages[i], transaction, cancel);
                i++;
                continue;
            }

            await session.WriteAsync(transaction, async reader =>
            {
                while (await reader.ReadAsync(cancel)) results[i++] = new Enqueued(new MessageId(reader.GetInt64(0)), IsDuplicate: false);
                return true;
            }, cancel, PostgresSegments.Takes(run[0]) ? segments.Insert(run) : sql.Insert(run));
        }

        await session.WriteAsync(transaction, Nothing, cancel, tables.Queues.Note([.. messages.Select(m => m.Queue).Distinct()]));
        return results;
    }

    private async Task<Enqueued> EnqueueUniqueAsync(NewMessage message, NpgsqlTransaction transaction, CancellationToken cancel)
    {
        while (true)
        {
            if (await FirstAsync(sql.InsertUnique(message)) is { } taken) return new Enqueued(new MessageId(taken), IsDuplicate: false);
            // Freed in between: then it is ours to take.
            if (await FirstAsync(tables.Unique.Holder(message.Kind, message.UniqueKey!)) is { } holder)
                return new Enqueued(new MessageId(holder), IsDuplicate: true);
        }

        ValueTask<long?> FirstAsync(NpgsqlBatchCommand command) =>
            session.WriteAsync<long?>(
                transaction, async reader => await reader.ReadAsync(cancel) ? reader.GetInt64(0) : null, cancel, command);
    }

    private async ValueTask<IReadOnlyList<bool>> SettleOthersAsync(
        IReadOnlyList<Settlement> settlements, DbTransaction? transaction, CancellationToken cancel)
    {
        var plan = new SettlePlan(settlements, tables);
        var answers = await session.WriteAsync(transaction, plan.ReadAsync, cancel, plan.Commands);
        if (plan.MakesWork) Made(transaction);
        return answers;
    }

    /// <summary>Something of the other sort may be claimable now: the next claim looks.</summary>
    private void Made(DbTransaction? transaction)
    {
        looks.Change(static (plan, _) => plan.Made(), 0);
        Hint(transaction, News.ForAny);
    }

    // Not every look is for messages that are not plain.
    private News NewsOf(IReadOnlyList<NewMessage> messages)
    {
        foreach (var message in messages)
        {
            if (!PostgresSegments.Takes(message) || !looks.IsInto(message.Queue)) return News.ForAny;
        }

        return News.ForUs;
    }

    private void Hint(DbTransaction? transaction, News news)
    {
        if (transaction is null) hints.Committed(news);
        else hints.Enqueued(session.Own(transaction), news);
    }

    private async Task<CancelAnswer> CancelInAsync(MessageId id, string reason, NpgsqlTransaction transaction, CancellationToken cancel)
    {
        for (var sought = false; ;)
        {
            var found = await session.WriteAsync<(MessageState State, string Queue, string? Key)?>(
                transaction,
                async reader =>
                    await reader.ReadAsync(cancel) ? ((MessageState)reader.GetInt16(0), reader.GetString(1), reader.TextOrNull(2)) : null,
                cancel,
                infos.Peek(id));
            if (found is not { } message)
            {
                if (sought) return CancelAnswer.NotFound;
                // Once, because it may be taken out between the two looks.
                sought = !await segments.TakeOutOwnAsync(id, transaction, cancel) && !await segments.TakeOutAsync(id, cancel);
                continue;
            }

            if (message.State > MessageState.Running) return CancelAnswer.AlreadyEnded;
            if (message.State == MessageState.Running)
            {
                if (await DoneAsync(infos.AskToCancel(id, reason))) return CancelAnswer.Requested;
                continue;
            }

            // The key's lock first, as everywhere, or two could wait for each other.
            string[] queues = [message.Queue];
            string[] keys = [message.Key ?? ""];
            if (message.Key is not null) await session.WriteAsync(transaction, Nothing, cancel, sql.LockKeys(queues, keys));
            if (!await DoneAsync(infos.End(id, reason, Waiting))) continue;
            await session.WriteAsync(
                transaction,
                Nothing,
                cancel,
                message.Key is null ? [tables.Unique.Free([id.Value])] : [tables.Unique.Free([id.Value]), sql.Unblock(queues, keys)]);
            return CancelAnswer.Cancelled;
        }

        ValueTask<bool> DoneAsync(NpgsqlBatchCommand command) =>
            session.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel), cancel, command);
    }

    /// <summary>Notes how the look ended, and puts what it found in order.</summary>
    private IReadOnlyList<ClaimedMessage> End(
        Look look, List<(int Priority, ClaimedMessage Message)> claimed, IReadOnlyList<QueueDemand> demands)
    {
        looks.Change(static (plan, ended) => plan.End(ended.look, ended.Now), (look, looks.Now));
        if (!look.IsAll && hints.Rank.Count > 1 && demands.Any(d => claimed.Count(m => m.Message.Queue == d.Queue) >= d.Limit))
            hints.Filled();
        return InOrder(claimed, demands);
    }

    private static List<ClaimedMessage> InOrder(List<(int Priority, ClaimedMessage Message)> claimed, IReadOnlyList<QueueDemand> demands)
    {
        var order = demands.Select((d, i) => (d, i)).ToDictionary(d => d.d.Queue, d => (Place: d.i, d.d.LowestFirst));
        // Those of one queue and priority come in order already.
        for (var i = 1; i < claimed.Count; i++)
        {
            if (Compare(claimed[i - 1], claimed[i]) <= 0) continue;
            claimed.Sort(Compare);
            break;
        }

        return claimed.ConvertAll(m => m.Message);

        int Compare((int Priority, ClaimedMessage Message) a, (int Priority, ClaimedMessage Message) b)
        {
            var (left, right) = (order[a.Message.Queue], order[b.Message.Queue]);
            if (left.Place != right.Place) return left.Place.CompareTo(right.Place);
            if (a.Priority != b.Priority) return left.LowestFirst ? a.Priority.CompareTo(b.Priority) : b.Priority.CompareTo(a.Priority);
            return a.Message.Claim.Id.Value.CompareTo(b.Message.Claim.Id.Value);
        }
    }

    private ValueTask<List<(int Priority, ClaimedMessage Message)>> ClaimOthersAsync(
        NodeId node, IReadOnlyList<QueueDemand> demands, bool promote, CancellationToken cancel)
    {
        var commands = new List<NpgsqlBatchCommand>();
        if (promote) commands.Add(sql.PromoteDue());
        commands.AddRange(demands.Select(d => sql.Claim(node, d)));
        return session.WriteAsync(null, async reader =>
        {
            var claimed = new List<(int, ClaimedMessage)>();
            foreach (var demand in demands)
            {
                while (await reader.ReadAsync(CancellationToken.None)) claimed.Add((reader.GetInt16(16), MessageSql.ReadClaimed(reader)));
                await reader.NextResultAsync(CancellationToken.None);
            }

            return claimed;
        }, cancel, [.. commands]);
    }

    private ValueTask<Peeked> PeekAsync(NodeId node, string[] queues, CancellationToken cancel) => session.ReadAsync(async reader =>
    {
        await reader.ReadAsync(cancel);
        return new Peeked(
            reader.GetBoolean(0), reader.GetBoolean(1), reader.IsDBNull(2) ? null : reader.GetTimeSpan(2), reader.GetBoolean(3));
    }, cancel, sql.Peek(node, queues));

    /// <summary>
    /// Finds the place of newly arrived messages behind their ordering keys: the head becomes claimable, the others wait for it.
    /// </summary>
    private ValueTask<bool> PlaceArrivedAsync(CancellationToken cancel) => session.TransactAsync(async transaction =>
    {
        var (queues, keys) = (new List<string>(), new List<string>());
        await session.WriteAsync(transaction, async reader =>
        {
            while (await reader.ReadAsync(cancel))
            {
                queues.Add(reader.GetString(0));
                keys.Add(reader.GetString(1));
            }

            return true;
        }, cancel, sql.LockArrived());
        if (keys.Count > 0) await session.WriteAsync(transaction, Nothing, cancel, sql.PlaceArrived([.. queues], [.. keys]));
        return keys.Count > 0;
    }, cancel);

    private static Task<bool> Nothing(NpgsqlDataReader reader) => Task.FromResult(true);

    /// <summary>What a look at the tables finds.</summary>
    private readonly record struct Peeked(bool Alive, bool Arrived, TimeSpan? Due, bool Ready)
    {
        public bool IsDue => Due <= TimeSpan.Zero;

        public bool Any => Arrived || IsDue || Ready;
    }
}
