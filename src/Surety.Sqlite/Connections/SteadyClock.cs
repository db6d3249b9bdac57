using Surety.Sqlite.Sql;

namespace Surety.Sqlite.Connections;

/// <summary>
/// The file's own time, which only passes: whatever is kept for a while ends by it, and nothing ends by a wall clock that somebody sets. It
/// began as the wall clock's time when the file got it, and goes on by the machine's monotonic clock, which counts from the machine's start
/// and is the same for all its processes. So every process that has the file open reads the same, and the time while none has it open
/// passes as well. A restart of the machine is a pause, which began with the last note: what is kept is kept longer by that.
/// </summary>
internal sealed class SteadyClock(TimeProvider time, string boot)
{
    private long ahead;

    /// <summary>In whole milliseconds; before <see cref="Start"/> without meaning.</summary>
    public DateTimeOffset Now => DateTimeOffset.FromUnixTimeMilliseconds(Monotonic + Volatile.Read(ref ahead));

    // Whole numbers throughout: a double has no place for milliseconds beside a large count.
    private long Monotonic
    {
        get
        {
            var (count, second) = (time.GetTimestamp(), time.TimestampFrequency);
            return (count / second * 1000) + (count % second * 1000 / second);
        }
    }

    /// <summary>Goes on from what the file says, or begins. In a transaction that writes.</summary>
    public void Start(Statements db, DateTimeOffset wall)
    {
        var monotonic = Monotonic;
        var noted = ClockSql.Read(db).One(ClockSql.ReadNote);
        var steady = At(noted, boot, monotonic, wall.ToUnixTimeMilliseconds());
        if (noted is null || !IsOf(noted, boot, monotonic)) ClockSql.Write(db, new SteadyNote(steady, monotonic, boot)).Run();
        Volatile.Write(ref ahead, steady - monotonic);
    }

    /// <summary>Notes how far it has come, for after a restart of the machine. In a transaction that writes.</summary>
    public void Note(Statements db)
    {
        var monotonic = Monotonic;
        ClockSql.Advance(db, new SteadyNote(monotonic + Volatile.Read(ref ahead), monotonic, boot)).Run();
    }

    /// <summary>What this clock shows.</summary>
    /// <param name="noted">What was noted last; null when nothing was.</param>
    /// <param name="boot">The start of the machine that <paramref name="monotonic"/> counts from.</param>
    /// <param name="monotonic">The monotonic clock.</param>
    /// <param name="wall">The wall clock, which only says where to begin.</param>
    public static long At(SteadyNote? noted, string boot, long monotonic, long wall) => noted is null ? wall
        : IsOf(noted, boot, monotonic) ? noted.Steady + (monotonic - noted.Monotonic)
        : noted.Steady;

    // Where starts have no name of their own, a count that is smaller than it was tells of a new one. One that has overtaken the old count
    // began after the note, so it counts no more than has passed.
    private static bool IsOf(SteadyNote noted, string boot, long monotonic) => noted.Boot == boot && monotonic >= noted.Monotonic;

    /// <summary>
    /// Names the machine's present start, or, where the system does not say that, the machine: a copy of the file that is opened on another
    /// one must not go on by that one's count.
    /// </summary>
    public static string Boot()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Environment.MachineName;
        }
    }
}
