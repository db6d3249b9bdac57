using Surety.Sqlite.Connections;

namespace Surety.Sqlite.Sql;

/// <summary>How far the file's own time has come.</summary>
internal static class ClockSql
{
    private const string ReadText = "SELECT steady, monotonic, boot FROM surety_clock";

    private const string WriteText =
        "INSERT INTO surety_clock (id, steady, monotonic, boot) VALUES (1, ?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET steady = ?1, monotonic = ?2, boot = ?3";

    // Never back; and a process that outlived a move of its file to another machine has nothing to say any more.
    private const string AdvanceText = "UPDATE surety_clock SET steady = ?1, monotonic = ?2 WHERE boot = ?3 AND steady < ?1";

    public static SteadyNote? Read(Statements db) => db.Prepare(ReadText).One(row => new SteadyNote(row.Long(0), row.Long(1), row.Text(2)));

    public static void Write(Statements db, SteadyNote note) => db.Prepare(WriteText).With(note.Steady).With(note.Monotonic).With(note.Boot).Run();

    public static void Advance(Statements db, SteadyNote note) => db.Prepare(AdvanceText).With(note.Steady).With(note.Monotonic).With(note.Boot).Run();
}
