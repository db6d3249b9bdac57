namespace Surety.Sqlite.Sql;

/// <summary>The table of queues ever used, and the pauses of some.</summary>
internal static class QueueSql
{
    private const string NoteText = "INSERT INTO surety_queue (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";

    private const string PauseText =
        "INSERT INTO surety_queue (name, paused_reason, paused_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET paused_reason = ?2, paused_at = ?3";

    private const string ResumeText = "UPDATE surety_queue SET paused_reason = NULL, paused_at = NULL WHERE name = ?1 AND paused_at IS NOT NULL";

    private const string IsPausedText = "SELECT 1 FROM surety_queue WHERE name = ?1 AND paused_at IS NOT NULL";

    private const string ListText = "SELECT name, paused_reason, paused_at FROM surety_queue ORDER BY name";

    // Each is answered from one partial index alone.
    private const string ReadyText = "SELECT queue, count(*), min(due_at) FROM surety_message INDEXED BY surety_message_ready WHERE state = 1 GROUP BY queue";

    private const string ScheduledText =
        "SELECT queue, sum(due_at > ?1), sum(due_at <= ?1), min(due_at) FROM surety_message INDEXED BY surety_message_scheduled WHERE state = 2 GROUP BY queue";

    private const string BlockedText =
        """
        SELECT queue, sum(due_at > ?1), sum(due_at <= ?1), min(due_at) FROM surety_message INDEXED BY surety_message_ordering
        WHERE ordering_key IS NOT NULL AND state <= 4 AND state = 3 GROUP BY queue
        """;

    private const string RunningText = "SELECT queue, count(*) FROM surety_message INDEXED BY surety_message_running WHERE state = 4 GROUP BY queue";

    private const string DeadText = "SELECT queue, count(*) FROM surety_message INDEXED BY surety_message_dead WHERE state = 6 GROUP BY queue";

    /// <summary>Remembers that the queue exists.</summary>
    public static void Note(Statements db, string queue) => db.Prepare(NoteText).With(queue).Run();

    public static void Pause(Statements db, string queue, string reason, DateTimeOffset now) => db.Prepare(PauseText).With(queue).WithText(reason).With(now).Run();

    public static void Resume(Statements db, string queue)
    {
        db.Prepare(ResumeText).With(queue).Run();
        db.MadeWork = true;
    }

    public static bool IsPaused(Statements db, string queue) => db.Prepare(IsPausedText).With(queue).Number() is not null;

    public static IReadOnlyList<QueueInfo> List(Statements db, DateTimeOffset now)
    {
        var counts = new SortedDictionary<string, Counts>(StringComparer.Ordinal);
        var rows = db.Prepare(ListText);
        while (rows.Step()) counts[rows.Text(0)] = new Counts { PausedReason = rows.TextOrNull(1), PausedAt = rows.InstantOrNull(2) };

        rows = db.Prepare(ReadyText);
        while (rows.Step()) Of(rows.Text(0)).AddDue(rows.Long(1), rows.Instant(2));
        // Due ones that no claim has moved on yet, and those behind a key, are as ready as any to a reader of the numbers.
        foreach (var text in (ReadOnlySpan<string>)[ScheduledText, BlockedText])
        {
            rows = db.Prepare(text).With(now);
            while (rows.Step())
            {
                var of = Of(rows.Text(0));
                of.Scheduled += rows.Long(1);
                of.AddDue(rows.Long(2), rows.Instant(3));
            }
        }

        rows = db.Prepare(RunningText);
        while (rows.Step()) Of(rows.Text(0)).Running = rows.Long(1);
        rows = db.Prepare(DeadText);
        while (rows.Step()) Of(rows.Text(0)).Dead = rows.Long(1);

        return [.. counts.Select(entry => entry.Value.ToInfo(entry.Key, now))];

        Counts Of(string queue) => counts.TryGetValue(queue, out var found) ? found : counts[queue] = new Counts();
    }

    private sealed class Counts
    {
        public long Ready, Scheduled, Running, Dead;
        public string? PausedReason;
        public DateTimeOffset? PausedAt, OldestDue;

        public void AddDue(long count, DateTimeOffset oldest)
        {
            if (count == 0) return;
            Ready += count;
            if (OldestDue is null || oldest < OldestDue) OldestDue = oldest;
        }

        public QueueInfo ToInfo(string queue, DateTimeOffset now) => new()
        {
            Queue = queue, Ready = Ready, Scheduled = Scheduled, Running = Running, Dead = Dead, PausedReason = PausedReason, PausedAt = PausedAt,
            OldestDueAge = OldestDue is { } due && due < now ? now - due : TimeSpan.Zero,
        };
    }
}
