using System.Text;
using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>The messages as people see them, and what people do to them: look, cancel, requeue, discard.</summary>
internal static class MessageInfoSql
{
    private const int MostGroups = 1000;

    private const string Columns =
        """
        id, kind, queue, state, attempt, deaths, priority, ordering_key, owner, enqueued_at, due_at, ended_at, reason, cause, cancel_reason IS NOT NULL, revision, headers,
        progress_done, progress_total, progress_unit, progress_message, body, result_type, result, version
        """;

    private const string FindText = $"SELECT {Columns} FROM surety_message WHERE id = ?1";

    private const string StateText = "SELECT state, queue, ordering_key, kind, unique_key, claim FROM surety_message WHERE id = ?1";

    private const string AskToCancelText = "UPDATE surety_message SET cancel_reason = ?2, revision = revision + 1 WHERE id = ?1";

    private const string CancelText = "UPDATE surety_message SET state = 7, ended_at = ?2, keep_until = ?3, reason = ?4, revision = revision + 1 WHERE id = ?1";

    private const string GroupsText =
        """
        SELECT queue, kind, cause, count(*), min(ended_at), max(ended_at) FROM surety_message INDEXED BY surety_message_dead WHERE state = 6
        GROUP BY queue, kind, cause ORDER BY count(*) DESC, queue, kind, cause LIMIT ?1
        """;

    private const string RequeueText =
        """
        UPDATE surety_message SET state = ?2, due_at = ?3, attempt = 0, deaths = 0, started = 0, alone = 0, died_alone = 0, reason = NULL, cause = NULL, cancel_reason = NULL, ended_at = NULL,
            body = coalesce(?4, body), revision = revision + 1
        WHERE id = ?1
        """;

    private const string NewestText = "SELECT max(id) FROM surety_message";

    public static MessageInfo? Find(Statements db, long id, DateTimeOffset now) =>
        db.Prepare(FindText).With(id).One(row => Read(row, now)) is { } found ? found with { Attempts = AttemptSql.List(db, id) } : null;

    public static MessagePage List(Statements db, MessageFilter filter, DateTimeOffset now)
    {
        var text = new StringBuilder($"SELECT {Columns} FROM surety_message WHERE 1 = 1");
        AppendFilter(text, filter);
        text.Append(StatusCondition(filter.Status)).Append(" ORDER BY id DESC LIMIT ?6");

        using var rows = new Statement(db.Connection, text.ToString());
        WithFilter(rows.Start(), filter).With(filter.Limit + 1L);
        if (filter.Status is MessageStatus.Scheduled or MessageStatus.Queued) rows.With(now);
        var items = new List<MessageInfo>();
        while (items.Count <= filter.Limit && rows.Step()) items.Add(Read(rows, now));
        if (items.Count <= filter.Limit) return new MessagePage(items, null);
        items.RemoveAt(filter.Limit);
        return new MessagePage(items, items[^1].Id);
    }

    public static IReadOnlyList<DeadLetterGroup> Groups(Statements db)
    {
        var groups = new List<DeadLetterGroup>();
        var rows = db.Prepare(GroupsText).With(MostGroups);
        while (rows.Step()) groups.Add(new DeadLetterGroup(rows.Text(0), rows.Text(1), rows.Text(2), rows.Long(3), rows.Instant(4), rows.Instant(5)));
        return groups;
    }

    public static CancelAnswer Cancel(Statements db, long id, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        if (Peek(db, id) is not { } row) return CancelAnswer.NotFound;
        if (row.State > MessageState.Running) return CancelAnswer.AlreadyEnded;
        if (row.State == MessageState.Running)
        {
            db.Prepare(AskToCancelText).With(id).WithText(reason).Run();
            return CancelAnswer.Requested;
        }

        End(db, id, row, reason, now, steady);
        // Blocked ones are not the head of their key: nobody waits for them.
        if (row is { OrderingKey: { } key, State: not MessageState.Blocked }) MessageSql.Unblock(db, row.Queue, key, now);
        return CancelAnswer.Cancelled;
    }

    public static bool Discard(Statements db, long id, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        if (Peek(db, id) is not { State: MessageState.Dead } row) return false;
        End(db, id, row, reason, now, steady);
        return true;
    }

    /// <summary>
    /// Puts a dead letter back. With an ordering key it waits for the key's head, if there is one, and then goes first: it is the oldest.
    /// </summary>
    public static bool Requeue(Statements db, long id, ReadOnlyMemory<byte>? body, DateTimeOffset now)
    {
        if (Peek(db, id) is not { State: MessageState.Dead } row) return false;
        var state = row.OrderingKey is { } key && MessageSql.HasUnfinished(db, row.Queue, key) ? MessageState.Blocked : MessageState.Ready;
        var statement = db.Prepare(RequeueText).With(id).With((long)state).With(now);
        if (body is { } edited) statement.With(edited.Span).Run();
        else statement.With((string?)null).Run();
        AttemptSql.Add(db, id, new AttemptInfo(row.Claim, AttemptOutcome.Requeue, null, "", now, now));
        db.MadeWork = true;
        return true;
    }

    /// <summary>The newest id there is; 0 when there is no message.</summary>
    public static long Newest(Statements db) => db.Prepare(NewestText).Number() ?? 0;

    /// <summary>The next dead letters that fit the filter, oldest first.</summary>
    public static List<long> DeadLetters(Statements db, MessageFilter filter, long after, long upTo, int limit)
    {
        var text = new StringBuilder("SELECT id FROM surety_message WHERE state = 6 AND id > ?6 AND id <= ?7");
        AppendFilter(text, filter);
        text.Append(" ORDER BY id LIMIT ?8");
        using var rows = new Statement(db.Connection, text.ToString());
        WithFilter(rows.Start(), filter).With(after).With(upTo).With(limit);
        var ids = new List<long>();
        while (rows.Step()) ids.Add(rows.Long(0));
        return ids;
    }

    private static void AppendFilter(StringBuilder text, MessageFilter filter)
    {
        if (filter.Queue is not null) text.Append(" AND queue = ?1");
        if (filter.Kind is not null) text.Append(" AND kind = ?2");
        if (filter.Owner is not null) text.Append(" AND owner = ?3");
        if (filter.Cause is not null) text.Append(" AND state = 6 AND cause = ?4");
        if (filter.Before is not null) text.Append(" AND id < ?5");
    }

    private static Statement WithFilter(Statement statement, MessageFilter filter) =>
        statement.With(filter.Queue).With(filter.Kind).With(filter.Owner).With(filter.Cause).With(filter.Before?.Value);

    private static string StatusCondition(MessageStatus? status) => status switch
    {
        null => "",
        MessageStatus.Scheduled => " AND state IN (2, 3) AND attempt = 0 AND due_at > ?7",
        MessageStatus.Queued => " AND state <= 3 AND attempt = 0 AND (state = 1 OR due_at <= ?7)",
        MessageStatus.Retrying => " AND state <= 3 AND attempt > 0",
        MessageStatus.Running => " AND state = 4",
        MessageStatus.Succeeded => " AND state = 5",
        MessageStatus.Dead => " AND state = 6",
        MessageStatus.Cancelled => " AND state = 7",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a message status."),
    };

    private static MessageInfo Read(Statement row, DateTimeOffset now)
    {
        var state = (MessageState)row.Int(3);
        var spent = row.Int(4);
        return new MessageInfo
        {
            Id = new MessageId(row.Long(0)),
            Kind = row.Text(1),
            Queue = row.Text(2),
            Status = state.StatusOf(spent, due: row.Instant(10) <= now),
            Attempt = state == MessageState.Running ? spent + 1 : spent,
            Deaths = row.Int(5),
            Priority = (Priority)row.Int(6),
            OrderingKey = row.TextOrNull(7),
            Owner = row.TextOrNull(8),
            EnqueuedAt = row.Instant(9),
            DueAt = row.Instant(10),
            EndedAt = row.InstantOrNull(11),
            Reason = row.TextOrNull(12),
            Cause = row.TextOrNull(13),
            CancelRequested = row.Bool(14),
            Revision = row.Long(15),
            Headers = StoredJson.Headers(row.Bytes(16)),
            Progress = row.IsNull(17) ? null : new Progress(row.Long(17), row.LongOrNull(18), row.TextOrNull(19), row.TextOrNull(20)),
            Version = row.Int(24),
            Body = row.Bytes(21).ToArray(),
            Result = row.IsNull(22) ? null : new JobResult(row.Text(23), row.Text(22)),
        };
    }

    private sealed record Row(MessageState State, string Queue, string? OrderingKey, string Kind, string? UniqueKey, long Claim);

    private static Row? Peek(Statements db, long id) => db.Prepare(StateText).With(id)
        .One(row => new Row((MessageState)row.Int(0), row.Text(1), row.TextOrNull(2), row.Text(3), row.TextOrNull(4), row.Long(5)));

    private static void End(Statements db, long id, Row row, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        db.Prepare(CancelText).With(id).With(now).With(steady + Instants.DefaultRetention).WithText(reason).Run();
        if (row.UniqueKey is { } key) UniqueSql.Free(db, row.Kind, key, id);
    }
}
