namespace Surety.Sqlite.Sql;

/// <summary>The history of messages: one line per attempt that ended worth telling.</summary>
internal static class AttemptSql
{
    /// <summary>How many lines a message keeps.</summary>
    private const int Kept = 100;

    private const string AddText =
        """
        INSERT INTO surety_attempt (message_id, number, claim, outcome, error, node, started_at, ended_at)
        VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM surety_attempt WHERE message_id = ?1), ?2, ?3, ?4, ?5, ?6, ?7)
        """;

    private const string TrimText = "DELETE FROM surety_attempt WHERE message_id = ?1 AND number <= (SELECT max(number) FROM surety_attempt WHERE message_id = ?1) - ?2";

    private const string ListText = "SELECT claim, outcome, error, node, started_at, ended_at FROM surety_attempt WHERE message_id = ?1 ORDER BY number";

    private const string DeleteText = "DELETE FROM surety_attempt WHERE message_id = ?1";

    public static void Add(Statements db, long message, AttemptInfo attempt)
    {
        db.Prepare(AddText).With(message).With(attempt.ClaimNumber).WithText(StoredOutcome.Text(attempt.Outcome)).WithText(attempt.Error).WithText(attempt.Node).With(attempt.StartedAt).With(attempt.EndedAt).Run();
        // Every line but a requeue's ends a claim, so few claims are few lines.
        if (attempt.ClaimNumber > Kept / 2) db.Prepare(TrimText).With(message).With(Kept).Run();
    }

    public static IReadOnlyList<AttemptInfo> List(Statements db, long message)
    {
        var attempts = new List<AttemptInfo>();
        var rows = db.Prepare(ListText).With(message);
        while (rows.Step()) attempts.Add(new AttemptInfo(rows.Long(0), StoredOutcome.Read(rows.Text(1)), rows.TextOrNull(2), rows.Text(3), rows.Instant(4), rows.Instant(5)));
        return attempts;
    }

    public static void Delete(Statements db, long message) => db.Prepare(DeleteText).With(message).Run();
}
