using Surety.Storage;
using static Surety.Storage.MessageState;

namespace Surety.Sqlite.Sql;

/// <summary>
/// The messages: in, claimed, settled, rescued, pruned. What people look at and do is in <see cref="MessageInfoSql"/>. Instants are the
/// wall clock's; keep_until alone is the file's own time.
/// </summary>
internal static class MessageSql
{
    /// <summary>How many due messages one claim makes ready at most; the next claim goes on.</summary>
    private const int PromotedAtOnce = 1000;

    private const string InsertText =
        """
        INSERT INTO surety_message (
            state, queue, priority, kind, version, enqueued_at, due_at, tracked, ordering_key, unique_key, owner, headers, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
        """;

    private static readonly string UnfinishedText =
        $"""
        SELECT 1 FROM surety_message INDEXED BY surety_message_ordering
        WHERE queue = ?1 AND ordering_key = ?2 AND state <= {Running:D} LIMIT 1
        """;

    private static readonly string NextDueText =
        $"SELECT min(due_at) FROM surety_message INDEXED BY surety_message_scheduled WHERE state = {Scheduled:D}";

    private static readonly string PromoteDueText =
        $"""
        UPDATE surety_message SET state = {Ready:D}, revision = revision + 1 WHERE id IN (
            SELECT id FROM surety_message INDEXED BY surety_message_scheduled
            WHERE state = {Scheduled:D} AND due_at <= ?1 ORDER BY due_at LIMIT ?2)
        """;

    private static readonly string ReadyText =
        $"SELECT 1 FROM surety_message INDEXED BY surety_message_ready WHERE state = {Ready:D} AND queue = ?1 LIMIT 1";

    private static readonly string ClaimText =
        $"""
        UPDATE surety_message SET state = {Running:D}, claim = claim + 1, node = ?1, claimed_at = ?2, revision = revision + 1 WHERE id IN (
            SELECT id FROM surety_message INDEXED BY surety_message_ready
            WHERE state = {Ready:D} AND queue = ?3 AND priority = ?4 ORDER BY id LIMIT ?5)
        RETURNING id, claim, attempt, deaths, kind, version, enqueued_at, due_at, tracked, ordering_key, unique_key IS NOT NULL, owner,
            headers, body, cancel_reason, died_alone
        """;

    private static readonly string StartText =
        $"UPDATE surety_message SET started = claim, alone = iif(?3, claim, 0) WHERE id = ?1 AND claim = ?2 AND state = {Running:D}";

    private static readonly string DeleteText = $"DELETE FROM surety_message WHERE id = ?1 AND claim = ?2 AND state = {Running:D}";

    private static readonly string WaitText =
        $"""
        UPDATE surety_message SET state = CASE WHEN ?3 <= ?4 OR cancel_reason IS NOT NULL THEN {Ready:D} ELSE {Scheduled:D} END,
            due_at = iif(cancel_reason IS NULL, ?3, ?4), attempt = attempt + ?5, reason = coalesce(?6, reason), cause = coalesce(?7, cause),
            progress_done = iif(?8 IS NULL, progress_done, ?8), progress_total = iif(?8 IS NULL, progress_total, ?9),
            progress_unit = iif(?8 IS NULL, progress_unit, ?10), progress_message = iif(?8 IS NULL, progress_message, ?11),
            revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = {Running:D}
        """;

    private static readonly string FinishText =
        $"""
        UPDATE surety_message SET state = ?3, ended_at = ?4, keep_until = ?5, attempt = attempt + ?6,
            reason = iif(?3 = {Cancelled:D}, coalesce(?7, cancel_reason), ?7), cause = ?8,
            progress_done = iif(?9 IS NULL, progress_done, ?9), progress_total = iif(?9 IS NULL, progress_total, ?10),
            progress_unit = iif(?9 IS NULL, progress_unit, ?11), progress_message = iif(?9 IS NULL, progress_message, ?12),
            result = ?13, result_type = ?14, revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = {Running:D}
        """;

    private const string UniqueKeyText = "SELECT unique_key FROM surety_message WHERE id = ?1";

    private const string HolderNameText = "SELECT name FROM surety_node WHERE id = (SELECT node FROM surety_message WHERE id = ?1)";

    // The head of a key is its one unfinished message that is not blocked; only a head's end calls this, so the oldest unfinished one is
    // next.
    private static readonly string UnblockText =
        $"""
        UPDATE surety_message SET state = CASE WHEN due_at <= ?3 THEN {Ready:D} ELSE {Scheduled:D} END, revision = revision + 1
        WHERE state = {Blocked:D} AND id = (
            SELECT id FROM surety_message INDEXED BY surety_message_ordering
            WHERE queue = ?1 AND ordering_key = ?2 AND state <= {Running:D} ORDER BY id LIMIT 1)
        """;

    private static readonly string ReportText =
        $"""
        UPDATE surety_message
        SET progress_done = ?3, progress_total = ?4, progress_unit = ?5, progress_message = ?6, revision = revision + 1
        WHERE id = ?1 AND claim = ?2 AND state = {Running:D}
        """;

    private static readonly string CancelRequestsText =
        $"""
        SELECT id, claim FROM surety_message INDEXED BY surety_message_running
        WHERE state = {Running:D} AND node = ?1 AND cancel_reason IS NOT NULL
        """;

    // Those that ran alone go last, so that the next call still knows of them.
    private static readonly string AbandonedText =
        $"""
        SELECT surety_message.id, claim, deaths, started, claimed_at, surety_node.name, node, alone, died_alone
        FROM surety_node CROSS JOIN surety_message INDEXED BY surety_message_running ON state = {Running:D} AND node = surety_node.id
        WHERE surety_node.dead = 1 ORDER BY alone = claim LIMIT ?1
        """;

    private static readonly string LoneText =
        $"""
        SELECT DISTINCT node
        FROM surety_node CROSS JOIN surety_message INDEXED BY surety_message_running ON state = {Running:D} AND node = surety_node.id
        WHERE surety_node.dead = 1 AND alone = claim
        """;

    private static readonly string HeldText =
        $"""
        SELECT m.id, claim, deaths, started, claimed_at, coalesce(n.name, ''), node, alone, died_alone
        FROM surety_message m INDEXED BY surety_message_running LEFT JOIN surety_node n ON n.id = m.node
        WHERE state = {Running:D} AND node = ?1
        """;

    private static readonly string HandBackText =
        $"UPDATE surety_message SET state = {Ready:D}, deaths = ?2, died_alone = ?3, revision = revision + 1 WHERE id = ?1";

    private const string PruneText =
        """
        DELETE FROM surety_message
        WHERE id IN (SELECT id FROM surety_message INDEXED BY surety_message_kept WHERE keep_until <= ?1 LIMIT ?2)
        RETURNING id
        """;

    public static Statement Insert(Statements db, NewMessage message, MessageState state, DateTimeOffset now, DateTimeOffset due) =>
        db.Prepare(InsertText)
            .With((long)state).With(message.Queue).With((long)message.Priority).With(message.Kind).With(message.Version)
            .With(now).With(due).With(message.Tracked)
            .With(message.OrderingKey).With(message.UniqueFor is null ? message.UniqueKey : null).With(message.Owner)
            .With(StoredJson.Headers(message.Headers)).With(message.Body.Span);

    /// <summary>A row, if the key has a message that has not ended.</summary>
    public static Statement Unfinished(Statements db, string queue, string orderingKey) =>
        db.Prepare(UnfinishedText).With(queue).With(orderingKey);

    /// <summary>A row, if there is something to claim in the queue.</summary>
    public static Statement HasReady(Statements db, string queue) => db.Prepare(ReadyText).With(queue);

    /// <summary>When the next scheduled message is due.</summary>
    public static Statement NextDue(Statements db) => db.Prepare(NextDueText);

    /// <summary>Makes scheduled messages ready whose time has come.</summary>
    public static Statement PromoteDue(Statements db, DateTimeOffset now) => db.Prepare(PromoteDueText).With(now).With(PromotedAtOnce);

    /// <summary>Answers with the messages, in no order.</summary>
    public static Statement Claim(Statements db, NodeId node, string queue, Priority priority, int limit, DateTimeOffset now) =>
        db.Prepare(ClaimText).With(node.Value).With(now).With(queue).With((long)priority).With(limit);

    /// <summary>Notes that a suspect really starts.</summary>
    public static Statement Start(Statements db, Claim claim, bool alone) => Of(db, StartText, claim).With(alone);

    public static Statement Delete(Statements db, Claim claim) => Of(db, DeleteText, claim);

    public static Statement Wait(Statements db, Settlement settlement, DateTimeOffset due, DateTimeOffset now)
    {
        var statement = Of(db, WaitText, settlement.Message.Claim)
            .With(due).With(now).With(settlement.SpendsAttempt).WithText(settlement.Reason).WithText(settlement.Cause);
        return WithProgress(statement, settlement.Progress);
    }

    public static Statement Finish(Statements db, Settlement settlement, DateTimeOffset now, DateTimeOffset? keepUntil)
    {
        var statement = Of(db, FinishText, settlement.Message.Claim).With((long)settlement.EndState())
            .With(now).With(keepUntil).With(settlement.SpendsAttempt).WithText(settlement.Reason).WithText(settlement.EndCause());
        return WithProgress(statement, settlement.Progress)
            .WithText(settlement.Result?.Content).WithText(settlement.Result?.ContentType);
    }

    /// <summary>The unique key that the message holds until it has ended.</summary>
    public static Statement UniqueKey(Statements db, long id) => db.Prepare(UniqueKeyText).With(id);

    /// <summary>The name of the node that holds the message.</summary>
    public static Statement HolderName(Statements db, long id) => db.Prepare(HolderNameText).With(id);

    public static Statement Unblock(Statements db, string queue, string orderingKey, DateTimeOffset now) =>
        db.Prepare(UnblockText).With(queue).With(orderingKey).With(now);

    public static Statement Report(Statements db, Claim claim, Progress progress) => WithProgress(Of(db, ReportText, claim), progress);

    public static Statement CancelRequests(Statements db, NodeId node) => db.Prepare(CancelRequestsText).With(node.Value);

    /// <summary>What dead nodes held, as <see cref="ReadHeld"/> reads it.</summary>
    public static Statement Abandoned(Statements db, int limit) => db.Prepare(AbandonedText).With(limit);

    /// <summary>The dead nodes on which a message ran alone.</summary>
    public static Statement Lone(Statements db) => db.Prepare(LoneText);

    /// <summary>What a node holds, as <see cref="ReadHeld"/> reads it.</summary>
    public static Statement Held(Statements db, NodeId node) => db.Prepare(HeldText).With(node.Value);

    public static Statement HandBack(Statements db, long id, int deaths, bool diedAlone) =>
        db.Prepare(HandBackText).With(id).With(deaths).With(diedAlone);

    /// <summary>Answers with the ids of those it deleted.</summary>
    public static Statement Prune(Statements db, DateTimeOffset steady, int limit) => db.Prepare(PruneText).With(steady).With(limit);

    public static ClaimedMessage ReadClaimed(Statement row, string queue) => new()
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

    public static HeldMessage ReadHeld(Statement row) => new(
        row.Long(0), row.Long(1), row.Int(2), row.Long(3), row.Instant(4), row.Text(5), row.Long(6), row.Long(7), row.Bool(8));

    private static Statement Of(Statements db, string text, Claim claim) => db.Prepare(text).With(claim.Id.Value).With(claim.Number);

    private static Statement WithProgress(Statement statement, Progress? progress) =>
        statement.With(progress?.Done).With(progress?.Total).WithText(progress?.Unit).WithText(progress?.Message);
}

/// <summary>A message that a node holds, and what says whether it is to blame for the node's death.</summary>
/// <param name="Id">The message.</param>
/// <param name="ClaimNumber">By which the node holds it.</param>
/// <param name="Deaths">For which it was blamed so far.</param>
/// <param name="StartedClaim">The claim under which it was last noted that it starts.</param>
/// <param name="ClaimedAt">When the node claimed it.</param>
/// <param name="Node">The node's name.</param>
/// <param name="NodeId">The node.</param>
/// <param name="LoneClaim">The claim under which it last ran alone.</param>
/// <param name="DiedAlone">Whether it ran alone at the last death that it was blamed for.</param>
internal readonly record struct HeldMessage(
    long Id, long ClaimNumber, int Deaths, long StartedClaim, DateTimeOffset ClaimedAt, string Node, long NodeId, long LoneClaim,
    bool DiedAlone)
{
    public bool RunsAlone => LoneClaim == ClaimNumber;

    public Claim Claim => new(new MessageId(Id), ClaimNumber);
}
