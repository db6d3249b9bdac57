namespace Surety.AspNetCore.Limits;

/// <summary>
/// How long an endpoint's commands usually take: learned while few are at work, and slowly at all other times, or a host that is never calm
/// would hold its commands against what was long ago.
/// </summary>
internal sealed class Pace
{
    private const int First = 32;
    private const double CalmWeight = 1.0 / 16;
    private const double MostSeen = 4;
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(5);

    private readonly Lock gate = new();
    private TimeSpan usual;
    private int count;
    private long notedAt;

    /// <summary>
    /// How long one may take before it is late: twice as long as usual, or longer by what may be waited. Where others are turned away for
    /// its sake, half as long again: more at once would only slow each other down. Null while too few were seen.
    /// </summary>
    public TimeSpan? Most(TimeSpan maxDelay, bool turnsAway = false)
    {
        lock (gate)
        {
            var slower = turnsAway ? usual / 2 : usual;
            return count < First ? null : usual + (slower > maxDelay ? slower : maxDelay);
        }
    }

    /// <param name="took">How long one took.</param>
    /// <param name="calm">Few were at work.</param>
    /// <param name="now">The timestamp.</param>
    /// <param name="frequency">Of timestamps, a second.</param>
    public void Note(TimeSpan took, bool calm, long now, long frequency)
    {
        lock (gate)
        {
            var weight = count < First
                ? 1.0 / ++count : calm ? CalmWeight : Math.Min(CalmWeight, (now - notedAt) / (frequency * Memory.TotalSeconds));
            notedAt = now;
            // A stall of a second is nothing to get used to.
            if (count >= First && took > usual * MostSeen) took = usual * MostSeen;
            usual += (took - usual) * weight;
        }
    }
}
