using Microsoft.Extensions.Logging;
using Surety.Telemetry;

namespace Surety.Coordination;

/// <summary>
/// How patient a node is with its database. Not for users: what is promised is that attempts wait unspent, at a growing distance.
/// </summary>
/// <param name="FirstPause">
/// How long a message waits after its first attempt that the database failed; twice as long after each further one.
/// </param>
/// <param name="LongestPause">The most it waits.</param>
/// <param name="MostInARow">
/// Such an attempt counts when it is the so-manieth in a row of its message between which others of its queue succeeded: then it is the
/// message that breaks its connections, not the database.
/// </param>
/// <param name="Quiet">
/// For how long no attempt may have failed before the database is called back: less would be a line in the log for every cut connection.
/// </param>
internal sealed record OutageLimits(TimeSpan FirstPause, TimeSpan LongestPause, int MostInARow, TimeSpan Quiet)
{
    public static OutageLimits Default { get; } = new(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(30), 10, TimeSpan.FromSeconds(5));

    /// <summary>
    /// How long the message waits, from half of what is due to all of it: those that failed together do not come back together. Pure.
    /// </summary>
    /// <param name="inARow">How many of its attempts in a row the database failed, this one included.</param>
    /// <param name="jitter">A random number in [0, 1).</param>
    public TimeSpan PauseAfter(int inARow, double jitter) =>
        TimeSpan.FromTicks((long)(Math.Min(FirstPause.Ticks * Math.Pow(2, inARow - 1), LongestPause.Ticks) * (0.5 + jitter / 2)));
}

/// <summary>
/// Whether the database fails this node's work, since when and why: one line in the log when that begins and one when it is over, and a
/// line in the health in between. Knows nothing of single messages.
/// </summary>
internal sealed class Outage(OutageLimits limits, TimeProvider time, ILogger<Outage> log)
{
    private readonly Lock gate = new();
    private volatile bool isAway;
    private bool isOwn;
    private DateTimeOffset since;
    private long lastFailure;
    private string reason = "";
    private long failures;

    /// <summary>Notes work that the database failed.</summary>
    /// <param name="why">What it said.</param>
    /// <param name="own">It was work of the node itself, without which nothing else goes on.</param>
    public void Failed(string why, bool own = false)
    {
        lock (gate)
        {
            lastFailure = time.GetTimestamp();
            isOwn |= own;
            reason = why;
            failures++;
            if (isAway) return;
            since = time.GetUtcNow();
            failures = 1;
            isAway = true;
            Log.DatabaseAway(log, why);
        }
    }

    /// <summary>Notes that the database has just done work for this node. Costs nothing while it is not away.</summary>
    public void Worked()
    {
        if (!isAway) return;
        lock (gate)
        {
            isOwn = false;
            if (!isAway || time.GetElapsedTime(lastFailure) < limits.Quiet) return;
            Log.DatabaseBack(log, (time.GetUtcNow() - since).TotalSeconds, failures);
            isAway = false;
        }
    }

    /// <summary>What keeps the node from its work: nothing when only single attempts fail.</summary>
    public IEnumerable<string> Problems() => Describe(own: true);

    /// <summary>What a person should look at though the node works.</summary>
    public IEnumerable<string> Degraded() => Describe(own: false);

    private static string Instant(DateTimeOffset at) =>
        at.ToString("yyyy-MM-dd HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private string[] Describe(bool own)
    {
        if (!isAway) return [];
        lock (gate)
            return isAway && isOwn == own
                ? [$"The database is away since {Instant(since)}; what it fails waits, unspent: {reason}"]
                : [];
    }
}
