using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>The history of messages: a line for each attempt that ended worth telling.</summary>
internal static class AttemptSql
{
    private const string AddText =
        """
        INSERT INTO surety_attempt (message_id, number, claim, outcome, error, node, started_at, ended_at)
        VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM surety_attempt WHERE message_id = ?1), ?2, ?3, ?4, ?5, ?6, ?7)
        """;

    private const string TrimText =
        """
        DELETE FROM surety_attempt
        WHERE message_id = ?1 AND number <= (SELECT max(number) FROM surety_attempt WHERE message_id = ?1) - ?2
        """;

    private const string ListText =
        "SELECT claim, outcome, error, node, started_at, ended_at FROM surety_attempt WHERE message_id = ?1 ORDER BY number";

    private const string DeleteText = "DELETE FROM surety_attempt WHERE message_id = ?1";

    public static Statement Add(Statements db, long message, AttemptInfo attempt) => db.Prepare(AddText).With(message)
        .With(attempt.ClaimNumber).WithText(StoredOutcome.Text(attempt.Outcome)).WithText(attempt.Error).WithText(attempt.Node)
        .With(attempt.StartedAt).With(attempt.EndedAt);

    /// <summary>Deletes the oldest lines above those that are kept.</summary>
    public static Statement Trim(Statements db, long message) => db.Prepare(TrimText).With(message).With(History.Kept);

    public static Statement List(Statements db, long message) => db.Prepare(ListText).With(message);

    public static Statement Delete(Statements db, long message) => db.Prepare(DeleteText).With(message);

    public static AttemptInfo Read(Statement row) =>
        new(row.Long(0), StoredOutcome.Read(row.Text(1)), row.TextOrNull(2), row.Text(3), row.Instant(4), row.Instant(5));
}
