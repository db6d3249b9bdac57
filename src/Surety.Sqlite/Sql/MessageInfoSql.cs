using System.Text;
using Surety.Storage;
using static Surety.Storage.MessageState;

namespace Surety.Sqlite.Sql;

/// <summary>The messages as people see them, and what people do to them: look, cancel, requeue, discard.</summary>
internal static class MessageInfoSql
{
    private const int MostGroups = 1000;

    private const string Columns =
        """
        id, kind, queue, state, attempt, deaths, priority, ordering_key, owner, enqueued_at, due_at, ended_at, reason, cause,
        cancel_reason IS NOT NULL, revision, headers, progress_done, progress_total, progress_unit, progress_message, body, result_type,
        result, version
        """;

    private const string FindText = $"SELECT {Columns} FROM surety_message WHERE id = ?1";

    private const string PeekText = "SELECT state, queue, ordering_key, kind, unique_key, claim FROM surety_message WHERE id = ?1";

    private const string AskToCancelText = "UPDATE surety_message SET cancel_reason = ?2, revision = revision + 1 WHERE id = ?1";

    private static readonly string EndText =
        $"""
        UPDATE surety_message SET state = {Cancelled:D}, ended_at = ?2, keep_until = ?3, reason = ?4, revision = revision + 1 WHERE id = ?1
        """;

    private static readonly string GroupsText =
        $"""
        SELECT queue, kind, cause, count(*), min(ended_at), max(ended_at) FROM surety_message INDEXED BY surety_message_dead
        WHERE state = {Dead:D} GROUP BY queue, kind, cause ORDER BY count(*) DESC, queue, kind, cause LIMIT ?1
        """;

    private const string RequeueText =
        """
        UPDATE surety_message SET state = ?2, due_at = ?3, attempt = 0, deaths = 0, started = 0, alone = 0, died_alone = 0, reason = NULL,
            cause = NULL, cancel_reason = NULL, ended_at = NULL, body = coalesce(?4, body), revision = revision + 1
        WHERE id = ?1
        """;

    private const string NewestText = "SELECT max(id) FROM surety_message";

    public static Statement Find(Statements db, long id) => db.Prepare(FindText).With(id);

    /// <summary>The newest messages that fit the filter, and one more. The caller disposes it: its text depends on the filter.</summary>
    public static Statement List(Statements db, MessageFilter filter, DateTimeOffset now)
    {
        var text = new StringBuilder($"SELECT {Columns} FROM surety_message WHERE 1 = 1");
        AppendFilter(text, filter);
        text.Append(StatusCondition(filter.Status)).Append(" ORDER BY id DESC LIMIT ?6");
        var rows = WithFilter(new Statement(db.Connection, text.ToString()).Start(), filter).With(filter.Limit + 1L);
        return filter.Status is MessageStatus.Scheduled or MessageStatus.Queued ? rows.With(now) : rows;
    }

    public static Statement Groups(Statements db) => db.Prepare(GroupsText).With(MostGroups);

    /// <summary>What has to be known of a message before it is changed, as <see cref="ReadPeek"/> reads it.</summary>
    public static Statement Peek(Statements db, long id) => db.Prepare(PeekText).With(id);

    public static Statement AskToCancel(Statements db, long id, string reason) => db.Prepare(AskToCancelText).With(id).WithText(reason);

    /// <summary>Ends the message as cancelled.</summary>
    public static Statement End(Statements db, long id, string reason, DateTimeOffset now, DateTimeOffset keepUntil) =>
        db.Prepare(EndText).With(id).With(now).With(keepUntil).WithText(reason);

    public static Statement Requeue(Statements db, long id, MessageState state, ReadOnlyMemory<byte>? body, DateTimeOffset now)
    {
        var statement = db.Prepare(RequeueText).With(id).With((long)state).With(now);
        return body is { } edited ? statement.With(edited.Span) : statement.With((string?)null);
    }

    /// <summary>The newest id there is; null when there is no message.</summary>
    public static Statement Newest(Statements db) => db.Prepare(NewestText);

    /// <summary>The next dead letters that fit the filter, oldest first. The caller disposes it.</summary>
    public static Statement DeadLetters(Statements db, MessageFilter filter, long after, long upTo, int limit)
    {
        var text = new StringBuilder($"SELECT id FROM surety_message WHERE state = {Dead:D} AND id > ?6 AND id <= ?7");
        AppendFilter(text, filter);
        text.Append(" ORDER BY id LIMIT ?8");
        return WithFilter(new Statement(db.Connection, text.ToString()).Start(), filter).With(after).With(upTo).With(limit);
    }

    public static PeekedMessage ReadPeek(Statement row) =>
        new((MessageState)row.Int(0), row.Text(1), row.TextOrNull(2), row.Text(3), row.TextOrNull(4), row.Long(5));

    public static DeadLetterGroup ReadGroup(Statement row) =>
        new(row.Text(0), row.Text(1), row.Text(2), row.Long(3), row.Instant(4), row.Instant(5));

    public static MessageInfo Read(Statement row, DateTimeOffset now)
    {
        var state = (MessageState)row.Int(3);
        var spent = row.Int(4);
        return new MessageInfo
        {
            Id = new MessageId(row.Long(0)),
            Kind = row.Text(1),
            Queue = row.Text(2),
            Status = state.StatusOf(spent, due: row.Instant(10) <= now),
            Attempt = state == Running ? spent + 1 : spent,
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

    private static void AppendFilter(StringBuilder text, MessageFilter filter)
    {
        if (filter.Queue is not null) text.Append(" AND queue = ?1");
        if (filter.Kind is not null) text.Append(" AND kind = ?2");
        if (filter.Owner is not null) text.Append(" AND owner = ?3");
        if (filter.Cause is not null) text.Append($" AND state = {Dead:D} AND cause = ?4");
        if (filter.Before is not null) text.Append(" AND id < ?5");
    }

    private static Statement WithFilter(Statement statement, MessageFilter filter) =>
        statement.With(filter.Queue).With(filter.Kind).With(filter.Owner).With(filter.Cause).With(filter.Before?.Value);

    private static string StatusCondition(MessageStatus? status) => status switch
    {
        null => "",
        MessageStatus.Scheduled => $" AND state IN ({Scheduled:D}, {Blocked:D}) AND attempt = 0 AND due_at > ?7",
        MessageStatus.Queued => $" AND state < {Running:D} AND attempt = 0 AND (state = {Ready:D} OR due_at <= ?7)",
        MessageStatus.Retrying => $" AND state < {Running:D} AND attempt > 0",
        MessageStatus.Running => $" AND state = {Running:D}",
        MessageStatus.Succeeded => $" AND state = {Succeeded:D}",
        MessageStatus.Dead => $" AND state = {Dead:D}",
        MessageStatus.Cancelled => $" AND state = {Cancelled:D}",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a message status."),
    };
}

/// <summary>What has to be known of a message before it is changed.</summary>
internal sealed record PeekedMessage(
    MessageState State, string Queue, string? OrderingKey, string Kind, string? UniqueKey, long ClaimNumber);
