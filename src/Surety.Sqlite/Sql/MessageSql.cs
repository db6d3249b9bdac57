using Surety.Sqlite.Connections;
using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>
/// The messages: in, claimed, settled, rescued, pruned. What people look at and do is in <see cref="MessageInfoSql"/>. Instants are the
/// wall clock's; keep_until alone is the file's own time (<see cref="SteadyClock"/>).
/// </summary>
internal static class MessageSql
{
    /// <summary>How many due messages one claim makes ready at most; the next claim goes on.</summary>
    private const int PromotedAtOnce = 1000;

    private const string InsertText =
        """
        INSERT INTO surety_message (state, queue, priority, kind, version, enqueued_at, due_at, tracked, ordering_key, unique_key, owner, headers, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        """;

    private const string HasUnfinishedText =
        "SELECT 1 FROM surety_message INDEXED BY surety_message_ordering WHERE queue = ?1 AND ordering_key = ?2 AND state <= 4 LIMIT 1";

    private const string NextDueText = "SELECT min(due_at) FROM surety_message INDEXED BY surety_message_scheduled WHERE state = 2";

    private const string PromoteDueText =
        """
        UPDATE surety_message SET state = 1, revision = revision + 1 WHERE id IN
            (SELECT id FROM surety_message INDEXED BY surety_message_scheduled WHERE state = 2 AND due_at <= ?1 ORDER BY due_at LIMIT ?2)
        """;

    private const string HasReadyText = "SELECT 1 FROM surety_message INDEXED BY surety_message_ready WHERE state = 1 AND queue = ?1 LIMIT 1";

    private const string ClaimText =
        """
        UPDATE surety_message SET state = 4, claim = claim + 1, node = ?1, claimed_at = ?2, revision = revision + 1 WHERE id IN
            (SELECT id FROM surety_message INDEXED BY surety_message_ready WHERE state = 1 AND queue = ?3 AND priority = ?4 ORDER BY id LIMIT ?5)
        RETURNING id, claim, attempt, deaths, kind, version, enqueued_at, due_at, tracked, ordering_key, unique_key IS NOT NULL, owner, headers, body, cancel_reason, died_alone
        """;

    private const string StartText = "UPDATE surety_message SET started = claim, alone = iif(?3, claim, 0) WHERE id = ?1 AND claim = ?2 AND state = 4";

    private const string DeleteText = "DELETE FROM surety_message WHERE id = ?1 AND claim = ?2 AND state = 4";

    private const string WaitText =
        """
        UPDATE surety_message SET state = CASE WHEN ?3 <= ?4 OR cancel_reason IS NOT NULL THEN 1 ELSE 2 END, due_at = iif(cancel_reason IS NULL, ?3, ?4), attempt = attempt + ?5, reason = coalesce(?6, reason), cause = coalesce(?7, cause),
            progress_done = iif(?8 IS NULL, progress_done, ?8), progress_total = iif(?8 IS NULL, progress_total, ?9),
            progress_unit = iif(?8 IS NULL, progress_unit, ?10), progress_message = iif(?8 IS NULL, progress_message, ?11), revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = 4
        """;

    private const string FinishText =
        """
        UPDATE surety_message SET state = ?3, ended_at = ?4, keep_until = ?5, attempt = attempt + ?6, reason = iif(?3 = 7, coalesce(?7, cancel_reason), ?7), cause = ?8,
            progress_done = iif(?9 IS NULL, progress_done, ?9), progress_total = iif(?9 IS NULL, progress_total, ?10),
            progress_unit = iif(?9 IS NULL, progress_unit, ?11), progress_message = iif(?9 IS NULL, progress_message, ?12),
            result = ?13, result_type = ?14, revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = 4
        """;

    private const string UniqueKeyText = "SELECT unique_key FROM surety_message WHERE id = ?1";

    private const string HolderNameText = "SELECT name FROM surety_node WHERE id = (SELECT node FROM surety_message WHERE id = ?1)";

    // The head of a key is its one unfinished message that is not blocked; only a head's end calls this, so the oldest unfinished one is
    // next.
    private const string UnblockText =
        """
        UPDATE surety_message SET state = CASE WHEN due_at <= ?3 THEN 1 ELSE 2 END, revision = revision + 1 WHERE state = 3 AND id =
            (SELECT id FROM surety_message INDEXED BY surety_message_ordering WHERE queue = ?1 AND ordering_key = ?2 AND state <= 4 ORDER BY id LIMIT 1)
        """;

    private const string ReportText =
        """
        UPDATE surety_message SET progress_done = ?3, progress_total = ?4, progress_unit = ?5, progress_message = ?6, revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = 4
        """;

    private const string CancelRequestsText =
        "SELECT id, claim FROM surety_message INDEXED BY surety_message_running WHERE state = 4 AND node = ?1 AND cancel_reason IS NOT NULL";

    // Those that ran alone go last, so that the next call still knows of them.
    private const string AbandonedText =
        """
        SELECT surety_message.id, claim, deaths, started, claimed_at, surety_node.name, node, alone, died_alone
        FROM surety_node CROSS JOIN surety_message INDEXED BY surety_message_running ON state = 4 AND node = surety_node.id
        WHERE surety_node.dead = 1 ORDER BY alone = claim LIMIT ?1
        """;

    private const string LoneText =
        """
        SELECT DISTINCT node FROM surety_node CROSS JOIN surety_message INDEXED BY surety_message_running ON state = 4 AND node = surety_node.id
        WHERE surety_node.dead = 1 AND alone = claim
        """;

    private const string HeldText =
        """
        SELECT m.id, claim, deaths, started, claimed_at, coalesce(n.name, ''), node, alone, died_alone
        FROM surety_message m INDEXED BY surety_message_running LEFT JOIN surety_node n ON n.id = m.node WHERE state = 4 AND node = ?1
        """;

    private const string HandBackText = "UPDATE surety_message SET state = 1, deaths = ?2, died_alone = ?3, revision = revision + 1 WHERE id = ?1";

    private const string PruneText =
        """
        DELETE FROM surety_message WHERE id IN (SELECT id FROM surety_message INDEXED BY surety_message_kept WHERE keep_until <= ?1 LIMIT ?2) RETURNING id
        """;

    public static Enqueued Insert(Statements db, NewMessage message, DateTimeOffset now, DateTimeOffset steady)
    {
        if (message.UniqueKey is { } wanted && UniqueSql.Holder(db, message.Kind, wanted, steady) is { } holder) return new Enqueued(new MessageId(holder), IsDuplicate: true);

        // Rounded up to the next millisecond: "no sooner than".
        var due = Instants.RoundUp(message.DueAt ?? now + message.Delay);
        if (message.Delay <= TimeSpan.Zero && due <= now || due < now) due = now;
        var state = message.OrderingKey is { } key && HasUnfinished(db, message.Queue, key) ? MessageState.Blocked
            : due <= now ? MessageState.Ready
            : MessageState.Scheduled;

        db.Prepare(InsertText)
            .With((long)state).With(message.Queue).With((long)message.Priority).With(message.Kind).With(message.Version).With(now).With(due).With(message.Tracked)
            .With(message.OrderingKey).With(message.UniqueFor is null ? message.UniqueKey : null).With(message.Owner).With(StoredJson.Headers(message.Headers)).With(message.Body.Span)
            .Run();
        var id = db.LastId;
        if (message.UniqueKey is { } taken) UniqueSql.Take(db, message.Kind, taken, id, message.UniqueFor is { } window ? steady + window : null);
        db.MadeWork = true;
        return new Enqueued(new MessageId(id), IsDuplicate: false);
    }

    public static bool HasUnfinished(Statements db, string queue, string orderingKey) => db.Prepare(HasUnfinishedText).With(queue).With(orderingKey).Number() is not null;

    public static bool HasReady(Statements db, string queue) => db.Prepare(HasReadyText).With(queue).Number() is not null;

    /// <summary>When the next scheduled message is due; null when there is none.</summary>
    public static DateTimeOffset? NextDue(Statements db) => db.Prepare(NextDueText).Number() is { } due ? DateTimeOffset.FromUnixTimeMilliseconds(due) : null;

    /// <summary>Makes scheduled messages ready whose time has come. Writes only when there are any.</summary>
    public static void PromoteDue(Statements db, DateTimeOffset now)
    {
        if (NextDue(db) is { } due && due <= now) db.Prepare(PromoteDueText).With(now).With(PromotedAtOnce).Run();
    }

    public static void Claim(Statements db, NodeId node, QueueDemand demand, DateTimeOffset now, List<ClaimedMessage> claimed)
    {
        var room = demand.Limit;
        for (var step = 0; step <= (int)Priority.High && room > 0; step++)
        {
            var first = claimed.Count;
            var priority = demand.LowestFirst ? step : (int)Priority.High - step;
            var rows = db.Prepare(ClaimText).With(node.Value).With(now).With(demand.Queue).With(priority).With(room);
            while (rows.Step()) claimed.Add(ReadClaimed(rows, demand.Queue));
            // SQLite promises no order for RETURNING.
            var count = claimed.Count - first;
            if (count > 1) claimed.Sort(first, count, OldestFirst.Instance);
            room -= count;
        }
    }

    /// <summary>Notes that a suspect really starts.</summary>
    public static bool Start(Statements db, Claim claim, bool alone) => db.Prepare(StartText).With(claim.Id.Value).With(claim.Number).With(alone).Run() == 1;

    /// <summary>Ends an attempt; false when the claim was lost, and then nothing has changed.</summary>
    public static bool Settle(Statements db, Settlement settlement, DateTimeOffset now, DateTimeOffset steady)
    {
        var message = settlement.Message;
        var id = message.Claim.Id.Value;
        var next = settlement.Next;

        if (next == NextState.Succeeded && !message.Tracked)
        {
            var uniqueKey = message.HoldsUniqueKey ? UniqueKey(db, id) : null;
            if (db.Prepare(DeleteText).With(id).With(message.Claim.Number).Run() == 0) return false;
            // A first claim that succeeds leaves no history.
            if (message.Claim.Number > 1) AttemptSql.Delete(db, id);
            if (uniqueKey is not null) UniqueSql.Free(db, message.Kind, uniqueKey, id);
            if (message.OrderingKey is { } key) Unblock(db, message.Queue, key, now);
            return true;
        }

        if (!(next == NextState.Waiting ? Wait(db, settlement, now) : Finish(db, settlement, now, steady))) return false;

        if (settlement.Recorded)
        {
            var node = db.Prepare(HolderNameText).With(id).Text() ?? "";
            AttemptSql.Add(db, id, new AttemptInfo(message.Claim.Number, settlement.Outcome, settlement.Error ?? settlement.Reason, node, now - settlement.Ran, now));
        }

        if (next == NextState.Waiting) return true;
        if (next != NextState.Dead && message.HoldsUniqueKey && UniqueKey(db, id) is { } held) UniqueSql.Free(db, message.Kind, held, id);
        if (message.OrderingKey is { } follow) Unblock(db, message.Queue, follow, now);
        return true;
    }

    /// <summary>Lets the next message of a key go on after its head ended. A dead head lets its followers go on, too.</summary>
    public static void Unblock(Statements db, string queue, string orderingKey, DateTimeOffset now)
    {
        if (db.Prepare(UnblockText).With(queue).With(orderingKey).With(now).Run() > 0) db.MadeWork = true;
    }

    public static void Report(Statements db, Claim claim, Progress progress) =>
        db.Prepare(ReportText).With(claim.Id.Value).With(claim.Number).With(progress.Done).With(progress.Total).WithText(progress.Unit).WithText(progress.Message).Run();

    public static IReadOnlyList<Claim> CancelRequests(Statements db, NodeId node)
    {
        var claims = new List<Claim>();
        var rows = db.Prepare(CancelRequestsText).With(node.Value);
        while (rows.Step()) claims.Add(new Claim(new MessageId(rows.Long(0)), rows.Long(1)));
        return claims;
    }

    /// <summary>Hands back what dead nodes held; returns how many.</summary>
    public static int Rescue(Statements db, int limit, DateTimeOffset now)
    {
        var lone = new HashSet<long>();
        var nodes = db.Prepare(LoneText);
        while (nodes.Step()) lone.Add(nodes.Long(0));
        var abandoned = ReadHeld(db.Prepare(AbandonedText).With(limit));
        foreach (var held in abandoned)
        {
            // A suspect that was claimed but had not started cannot have killed the process. And a process dies as a whole: where one
            // message ran alone, no other can be to blame.
            var isBlamed = held.RanAlone || (!lone.Contains(held.NodeId) && (held.Deaths == 0 || held.StartedClaim == held.Claim));
            HandBack(db, isBlamed ? held with { Deaths = held.Deaths + 1, DiedAlone = held.RanAlone } : held, LostAttempt.ProcessEnded, now);
        }

        return abandoned.Count;
    }

    /// <summary>Hands back what a node holds besides these; no death is counted. Returns how many.</summary>
    public static int HandBack(Statements db, NodeId node, IReadOnlySet<Claim> known, string why, DateTimeOffset now)
    {
        var unknown = ReadHeld(db.Prepare(HeldText).With(node.Value)).FindAll(h => !known.Contains(new Claim(new MessageId(h.Id), h.Claim)));
        foreach (var held in unknown) HandBack(db, held, why, now);
        return unknown.Count;
    }

    public static int Prune(Statements db, DateTimeOffset steady, int limit)
    {
        var pruned = new List<long>();
        var rows = db.Prepare(PruneText).With(steady).With(limit);
        while (rows.Step()) pruned.Add(rows.Long(0));
        foreach (var id in pruned) AttemptSql.Delete(db, id);
        return pruned.Count;
    }

    private static string? UniqueKey(Statements db, long id) => db.Prepare(UniqueKeyText).With(id).Text();

    private static bool Wait(Statements db, Settlement settlement, DateTimeOffset now)
    {
        var due = settlement.Delay > TimeSpan.Zero ? Instants.RoundUp(now + settlement.Delay) : now;
        var statement = db.Prepare(WaitText).With(settlement.Message.Claim.Id.Value).With(settlement.Message.Claim.Number)
            .With(due).With(now).With(settlement.SpendsAttempt).WithText(settlement.Reason).WithText(settlement.Cause);
        if (WithProgress(statement, settlement.Progress).Run() == 0) return false;
        db.MadeWork = true;
        return true;
    }

    private static bool Finish(Statements db, Settlement settlement, DateTimeOffset now, DateTimeOffset steady)
    {
        var state = settlement.Next switch
        {
            NextState.Succeeded => MessageState.Succeeded,
            NextState.Dead => MessageState.Dead,
            _ => MessageState.Cancelled,
        };
        var keepUntil = state == MessageState.Dead ? null : steady + settlement.KeepFor;
        var cause = state == MessageState.Dead ? settlement.Cause ?? "unknown" : settlement.Cause;
        var statement = db.Prepare(FinishText).With(settlement.Message.Claim.Id.Value).With(settlement.Message.Claim.Number).With((long)state)
            .With(now).With(keepUntil).With(settlement.SpendsAttempt).WithText(settlement.Reason).WithText(cause);
        return WithProgress(statement, settlement.Progress).WithText(settlement.Result?.Content).WithText(settlement.Result?.ContentType).Run() == 1;
    }

    private static Statement WithProgress(Statement statement, Progress? progress) =>
        statement.With(progress?.Done).With(progress?.Total).WithText(progress?.Unit).WithText(progress?.Message);

    private static ClaimedMessage ReadClaimed(Statement row, string queue) => new()
    {
        Claim = new Claim(new MessageId(row.Long(0)), row.Long(1)),
        Attempt = row.Int(2) + 1,
        Deaths = row.Int(3),
        Kind = row.Text(4),
        Version = row.Int(5),
        EnqueuedAt = row.Instant(6),
        DueAt = row.Instant(7),
        Tracked = row.Bool(8),
        OrderingKey = row.TextOrNull(9),
        HoldsUniqueKey = row.Bool(10),
        Owner = row.TextOrNull(11),
        Headers = StoredJson.Headers(row.Bytes(12)),
        Body = row.Bytes(13).ToArray(),
        CancelReason = row.TextOrNull(14),
        DiedAlone = row.Bool(15),
        Queue = queue,
    };

    private readonly record struct Held(long Id, long Claim, int Deaths, long StartedClaim, DateTimeOffset ClaimedAt, string Node, long NodeId, long LoneClaim, bool DiedAlone)
    {
        public bool RanAlone => LoneClaim == Claim;
    }

    private static List<Held> ReadHeld(Statement rows)
    {
        var held = new List<Held>();
        while (rows.Step())
        {
            held.Add(new Held(rows.Long(0), rows.Long(1), rows.Int(2), rows.Long(3), rows.Instant(4), rows.Text(5), rows.Long(6), rows.Long(7), rows.Bool(8)));
        }

        return held;
    }

    private static void HandBack(Statements db, Held held, string why, DateTimeOffset now)
    {
        AttemptSql.Add(db, held.Id, new AttemptInfo(held.Claim, "lost", why, held.Node, held.ClaimedAt, now));
        db.Prepare(HandBackText).With(held.Id).With(held.Deaths).With(held.DiedAlone).Run();
        db.MadeWork = true;
    }

    private sealed class OldestFirst : IComparer<ClaimedMessage>
    {
        public static readonly OldestFirst Instance = new();
        public int Compare(ClaimedMessage? x, ClaimedMessage? y) => x!.Claim.Id.Value.CompareTo(y!.Claim.Id.Value);
    }
}
