using static Surety.Storage.MessageState;

namespace Surety.Sqlite.Sql;

/// <summary>The table of queues ever used, the pauses of some, and what they hold.</summary>
internal static class QueueSql
{
    private const string NoteText = "INSERT INTO surety_queue (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";

    private const string PauseText =
        """
        INSERT INTO surety_queue (name, paused_reason, paused_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (name) DO UPDATE SET paused_reason = ?2, paused_at = ?3
        """;

    private const string ResumeText =
        "UPDATE surety_queue SET paused_reason = NULL, paused_at = NULL WHERE name = ?1 AND paused_at IS NOT NULL";

    private const string IsPausedText = "SELECT 1 FROM surety_queue WHERE name = ?1 AND paused_at IS NOT NULL";

    private const string ListText = "SELECT name, paused_reason, paused_at FROM surety_queue ORDER BY name";

    // Each is answered from one partial index alone.
    private static readonly string CountReadyText =
        $"""
        SELECT queue, count(*), min(due_at) FROM surety_message INDEXED BY surety_message_ready WHERE state = {Ready:D} GROUP BY queue
        """;

    private static readonly string CountScheduledText =
        $"""
        SELECT queue, sum(due_at > ?1), sum(due_at <= ?1), min(due_at) FROM surety_message INDEXED BY surety_message_scheduled
        WHERE state = {Scheduled:D} GROUP BY queue
        """;

    private static readonly string CountBlockedText =
        $"""
        SELECT queue, sum(due_at > ?1), sum(due_at <= ?1), min(due_at) FROM surety_message INDEXED BY surety_message_ordering
        WHERE ordering_key IS NOT NULL AND state <= {Running:D} AND state = {Blocked:D} GROUP BY queue
        """;

    private static readonly string CountRunningText =
        $"SELECT queue, count(*) FROM surety_message INDEXED BY surety_message_running WHERE state = {Running:D} GROUP BY queue";

    private static readonly string CountDeadText =
        $"SELECT queue, count(*) FROM surety_message INDEXED BY surety_message_dead WHERE state = {Dead:D} GROUP BY queue";

    /// <summary>Remembers that the queue exists.</summary>
    public static Statement Note(Statements db, string queue) => db.Prepare(NoteText).With(queue);

    public static Statement Pause(Statements db, string queue, string reason, DateTimeOffset now) =>
        db.Prepare(PauseText).With(queue).WithText(reason).With(now);

    public static Statement Resume(Statements db, string queue) => db.Prepare(ResumeText).With(queue);

    /// <summary>A row, if the queue is paused.</summary>
    public static Statement IsPaused(Statements db, string queue) => db.Prepare(IsPausedText).With(queue);

    /// <summary>Every queue, with its pause.</summary>
    public static Statement List(Statements db) => db.Prepare(ListText);

    /// <summary>How many are ready, and since when the oldest has been due.</summary>
    public static Statement CountReady(Statements db) => db.Prepare(CountReadyText);

    /// <summary>How many are not due yet, how many are, and the earliest instant.</summary>
    public static Statement CountScheduled(Statements db, DateTimeOffset now) => db.Prepare(CountScheduledText).With(now);

    /// <inheritdoc cref="CountScheduled"/>
    public static Statement CountBlocked(Statements db, DateTimeOffset now) => db.Prepare(CountBlockedText).With(now);

    public static Statement CountRunning(Statements db) => db.Prepare(CountRunningText);

    public static Statement CountDead(Statements db) => db.Prepare(CountDeadText);
}
