using System.Text;
using Npgsql;
using Surety.Storage;
using static Surety.Storage.MessageState;

namespace Surety.Postgres.Sql;

/// <summary>The messages as people see them, and what people do to them: look, cancel, requeue, discard.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class MessageInfoSql(string s)
{
    private const int MostGroups = 1000;

    private const string Columns =
        """
        id, kind, queue, state, attempt, deaths, priority, ordering_key, owner, enqueued_at, due_at, ended_at, reason, cause,
        cancel_reason IS NOT NULL, revision, headers, progress_done, progress_total, progress_unit, progress_message, body, result_type,
        result, version
        """;

    private const string SegmentColumns =
        """
        id, kind, queue, state, 0, 0, priority, NULL, NULL, enqueued_at, enqueued_at, NULL::timestamptz, NULL, NULL,
        false, 1::bigint, headers, NULL::bigint, NULL::bigint, NULL, NULL, body, NULL,
        NULL, version
        """;

    private readonly string findSegment = $"SELECT {SegmentColumns}, true FROM {s}.segment_open WHERE id = $1";

    private readonly string find = $"SELECT {Columns}, due_at <= {s}.now() FROM {s}.message WHERE id = $1";

    private readonly string peek = $"SELECT state, queue, ordering_key FROM {s}.message WHERE id = $1";

    private readonly string askToCancel =
        $"""
        UPDATE {s}.message SET cancel_reason = $2, revision = revision + 1 WHERE id = $1 AND state = {Running:D} RETURNING id
        """;

    private readonly string end =
        $"""
        UPDATE {s}.message
        SET state = {Cancelled:D}, ended_at = {s}.now(), keep_until = {s}.now() + $3, reason = $2, revision = revision + 1
        WHERE id = $1 AND state = ANY ($4) RETURNING id
        """;

    private readonly string groups =
        $"""
        SELECT queue, kind, cause, count(*), min(ended_at), max(ended_at) FROM {s}.message
        WHERE state = {Dead:D} GROUP BY queue, kind, cause ORDER BY count(*) DESC, queue, kind, cause LIMIT {MostGroups}
        """;

    private readonly string requeue =
        $"""
        WITH back AS (
            UPDATE {s}.message
            SET state = CASE WHEN ordering_key IS NULL THEN {Ready:D} ELSE {Arrived:D} END, due_at = {s}.now(), attempt = 0, deaths = 0,
                started = 0, alone = 0, died_alone = false, reason = NULL, cause = NULL, cancel_reason = NULL, ended_at = NULL,
                body = coalesce($2, body), revision = revision + 1
            WHERE id = ANY ($1) AND state = {Dead:D} RETURNING id, claim),
        noted AS (
            {AttemptSql.Add(s, "back", $"'{StoredOutcome.Text(AttemptOutcome.Requeue)}', NULL, '', {s}.now()")})
        SELECT count(*) FROM back
        """;

    private readonly string newest = $"SELECT coalesce(max(id), 0) FROM {s}.message";

    public NpgsqlBatchCommand Find(MessageId id) => Statement.Of(find).With(id.Value);

    public NpgsqlBatchCommand FindSegment(MessageId id) => Statement.Of(findSegment).With(id.Value);

    public NpgsqlBatchCommand Peek(MessageId id) => Statement.Of(peek).With(id.Value);

    public NpgsqlBatchCommand AskToCancel(MessageId id, string reason) => Statement.Of(askToCancel).With(id.Value).WithText(reason);

    /// <summary>Ends the message as cancelled, if it is in one of these states.</summary>
    public NpgsqlBatchCommand End(MessageId id, string reason, params MessageState[] from) => Statement.Of(end)
        .With(id.Value).WithText(reason).With(new QueueOptions().Retention).With(Array.ConvertAll(from, state => (short)state));

    public NpgsqlBatchCommand Groups() => Statement.Of(groups);

    public NpgsqlBatchCommand Requeue(long[] ids, ReadOnlyMemory<byte>? body) => Statement.Of(requeue).With(ids).WithBytes(body?.ToArray());

    public NpgsqlBatchCommand Newest() => Statement.Of(newest);

    public NpgsqlBatchCommand List(MessageFilter filter)
    {
        var command = Statement.Of("");
        var conditions = new StringBuilder();
        AppendFilter(conditions, command, filter);
        command.With((long)filter.Limit + 1);
        var last = $"ORDER BY id DESC LIMIT ${command.Parameters.Count}";
        var kept =
            $"SELECT {Columns}, due_at <= {s}.now() AS due FROM {s}.message WHERE true{conditions}{StatusCondition(filter.Status)} {last}";
        var plain = filter is { Owner: null, Cause: null } ? filter.Status switch
        {
            null => "",
            MessageStatus.Queued => $" AND state = {Ready:D}",
            MessageStatus.Running => $" AND state = {Running:D}",
            _ => null,
        } : null;
        command.CommandText = plain is null
            ? kept
            : $"(SELECT {SegmentColumns}, true FROM {s}.segment_open WHERE true{conditions}{plain} {last}) UNION ALL ({kept}) {last}";
        return command;
    }

    /// <summary>The next dead letters that fit the filter, oldest first.</summary>
    public NpgsqlBatchCommand DeadLetters(MessageFilter filter, long after, long upTo, int limit)
    {
        var command = Statement.Of("").With(after).With(upTo).With((long)limit);
        var text = new StringBuilder($"SELECT id FROM {s}.message WHERE state = {Dead:D} AND id > $1 AND id <= $2");
        AppendFilter(text, command, filter);
        command.CommandText = text.Append(" ORDER BY id LIMIT $3").ToString();
        return command;
    }

    public static DeadLetterGroup ReadGroup(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.Instant(4), row.Instant(5));

    public static MessageInfo Read(NpgsqlDataReader row)
    {
        var state = (MessageState)row.GetInt16(3);
        var spent = row.GetInt32(4);
        return new MessageInfo
        {
            Id = new MessageId(row.GetInt64(0)),
            Kind = row.GetString(1),
            Queue = row.GetString(2),
            Status = state.StatusOf(spent, due: row.GetBoolean(25)),
            Attempt = state == Running ? spent + 1 : spent,
            Deaths = row.GetInt32(5),
            Priority = (Priority)row.GetInt16(6),
            OrderingKey = row.TextOrNull(7),
            Owner = row.TextOrNull(8),
            EnqueuedAt = row.Instant(9),
            DueAt = row.Instant(10),
            EndedAt = row.InstantOrNull(11),
            Reason = row.TextOrNull(12),
            Cause = row.TextOrNull(13),
            CancelRequested = row.GetBoolean(14),
            Revision = row.GetInt64(15),
            Headers = StoredJson.Headers(row.TextOrNull(16)),
            Progress = row.IsDBNull(17) ? null : new Progress(row.GetInt64(17), row.LongOrNull(18), row.TextOrNull(19), row.TextOrNull(20)),
            Body = row.Bytes(21),
            Result = row.IsDBNull(22) ? null : new JobResult(row.GetString(23), row.GetString(22)),
            Version = row.GetInt32(24),
        };
    }

    private static void AppendFilter(StringBuilder text, NpgsqlBatchCommand command, MessageFilter filter)
    {
        Append("queue =", filter.Queue);
        Append("kind =", filter.Kind);
        Append("owner =", filter.Owner);
        Append($"state = {Dead:D} AND cause =", filter.Cause);
        if (filter.Before is { } before)
        {
            command.With(before.Value);
            text.Append(" AND id < $").Append(command.Parameters.Count);
        }

        void Append(string condition, string? value)
        {
            if (value is null) return;
            command.With(value);
            text.Append(" AND ").Append(condition).Append(" $").Append(command.Parameters.Count);
        }
    }

    private string StatusCondition(MessageStatus? status) => status switch
    {
        null => "",
        MessageStatus.Scheduled =>
            $" AND state IN ({Arrived:D}, {Scheduled:D}, {Blocked:D}) AND attempt = 0 AND due_at > {s}.now()",
        MessageStatus.Queued => $" AND state < {Running:D} AND attempt = 0 AND (state = {Ready:D} OR due_at <= {s}.now())",
        MessageStatus.Retrying => $" AND state < {Running:D} AND attempt > 0",
        MessageStatus.Running => $" AND state = {Running:D}",
        MessageStatus.Succeeded => $" AND state = {Succeeded:D}",
        MessageStatus.Dead => $" AND state = {Dead:D}",
        MessageStatus.Cancelled => $" AND state = {Cancelled:D}",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a message status."),
    };
}
