namespace Surety.Sqlite.Sql;

/// <summary>How far the file's own time has come.</summary>
internal static class ClockSql
{
    private const string ReadText = "SELECT steady, monotonic, boot FROM surety_clock";

    private const string WriteText =
        """
        INSERT INTO surety_clock (id, steady, monotonic, boot) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET steady = ?1, monotonic = ?2, boot = ?3
        """;

    // Never back; and a process that outlived a move of its file to another machine has nothing to say any more.
    private const string AdvanceText = "UPDATE surety_clock SET steady = ?1, monotonic = ?2 WHERE boot = ?3 AND steady < ?1";

    public static Statement Read(Statements db) => db.Prepare(ReadText);

    public static Statement Write(Statements db, SteadyNote note) =>
        db.Prepare(WriteText).With(note.Steady).With(note.Monotonic).With(note.Boot);

    public static Statement Advance(Statements db, SteadyNote note) =>
        db.Prepare(AdvanceText).With(note.Steady).With(note.Monotonic).With(note.Boot);

    public static SteadyNote ReadNote(Statement row) => new(row.Long(0), row.Long(1), row.Text(2));
}

/// <summary>A moment, as the file keeps it.</summary>
/// <param name="Steady">The file's own time, in milliseconds.</param>
/// <param name="Monotonic">What the machine's monotonic clock showed then, in milliseconds.</param>
/// <param name="Boot">The start of the machine that it counts from.</param>
internal sealed record SteadyNote(long Steady, long Monotonic, string Boot);
