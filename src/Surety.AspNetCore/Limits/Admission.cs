using Microsoft.Extensions.Options;

namespace Surety.AspNetCore;

/// <summary>
/// How many requests may be at work at once. The number follows what they are measured to wait for: while even the luckiest waits too long, or most commands take much longer than when few are at
/// work, a queue stands, here or in the database, and less is let in.
/// </summary>
internal sealed class Admission(IOptions<EdgeOptions> options, TimeProvider time)
{
    private const int Start = 64;

    // Fewer say little of the rest.
    private const int EnoughCommands = 8;

    private readonly EdgeOptions options = options.Value;
    private readonly Lock gate = new();
    private readonly Window threads = new();
    private readonly Window store = new();
    private int limit = Math.Clamp(Start, options.Value.MinConcurrency, options.Value.MaxConcurrency);
    private int atWork;
    private int peak;
    private long shedAt;
    private int ended;
    private int late;

    public int Limit => Volatile.Read(ref limit);

    public int AtWork => Volatile.Read(ref atWork);

    /// <summary>Somebody was turned away in the last 10 s.</summary>
    public bool IsShedding => Volatile.Read(ref shedAt) is var at && at != 0 && time.GetElapsedTime(at) < TimeSpan.FromSeconds(10);

    /// <summary>Few are at work, and nobody was turned away: what takes long now does so by itself.</summary>
    public bool IsCalm => AtWork <= options.MinConcurrency && !IsShedding;

    public bool TryEnter(RequestPriority priority)
    {
        lock (gate)
        {
            if (atWork >= Bound(Limit, priority))
            {
                shedAt = time.GetTimestamp();
                peak = Math.Max(peak, Limit);
                return false;
            }

            Enter();
            return true;
        }
    }

    /// <summary>Takes a place that was left for a while; nobody is turned away half-way.</summary>
    public void Return()
    {
        lock (gate) Enter();
    }

    public void Leave() => Interlocked.Decrement(ref atWork);

    /// <summary>How long work waited for a thread.</summary>
    public void WaitedForThread(TimeSpan delay) => threads.Add(delay);

    /// <summary>How long a command waited for its transaction to begin.</summary>
    public void WaitedForStore(TimeSpan delay) => store.Add(delay);

    /// <summary>A command has committed.</summary>
    /// <param name="pace">Its endpoint's.</param>
    /// <param name="took">Since its transaction was asked for.</param>
    /// <param name="wasCalm">What <see cref="IsCalm"/> was then.</param>
    public void Ended(Pace pace, TimeSpan took, bool wasCalm)
    {
        var isLate = pace.IsLate(took, options.MaxQueueDelay);
        pace.Note(took, wasCalm && IsCalm, time.GetTimestamp(), time.TimestampFrequency);
        if (isLate) Interlocked.Increment(ref late);
        Interlocked.Increment(ref ended);
    }

    /// <summary>Once an interval.</summary>
    public void Adjust()
    {
        var waits = Longest(threads.Take(), store.Take()) is { } least ? least > options.MaxQueueDelay : (bool?)null;
        if (Volatile.Read(ref ended) >= EnoughCommands)
        {
            var (all, slow) = (Interlocked.Exchange(ref ended, 0), Interlocked.Exchange(ref late, 0));
            waits = waits == true || slow > all / 2;
        }

        lock (gate)
        {
            limit = Next(limit, peak, waits, options);
            peak = atWork;
        }
    }

    /// <summary>The next interval's limit. Pure.</summary>
    /// <param name="limit">This interval's.</param>
    /// <param name="peak">The most that were at work.</param>
    /// <param name="waits">Whether a queue stands; null when nothing was measured.</param>
    /// <param name="options">The bounds.</param>
    public static int Next(int limit, int peak, bool? waits, EdgeOptions options)
    {
        // What was never used says nothing: it goes down from what was, and up to where it started, so that the next burst after an overload is let in.
        if (waits == true) return Math.Max(options.MinConcurrency, Math.Min(limit, peak) * 4 / 5);
        return waits == false && (peak >= limit || limit < Start) ? Math.Min(options.MaxConcurrency, limit + Math.Max(1, limit / 10)) : limit;
    }

    /// <summary>Low ones make room first; high ones, and operators, still enter when the others do not. Pure.</summary>
    public static int Bound(int limit, RequestPriority priority) => priority switch
    {
        RequestPriority.Low => Math.Max(1, limit * 3 / 4),
        RequestPriority.High => limit + 8 + (limit / 4),
        _ => limit,
    };

    private static TimeSpan? Longest(TimeSpan? one, TimeSpan? other) => one > other || other is null ? one : other;

    private void Enter() => peak = Math.Max(peak, Interlocked.Increment(ref atWork));

    /// <summary>The shortest of the waits since it was last looked at.</summary>
    private sealed class Window
    {
        private long least = long.MaxValue;

        public void Add(TimeSpan delay)
        {
            var seen = Volatile.Read(ref least);
            while (delay.Ticks < seen)
            {
                var before = Interlocked.CompareExchange(ref least, delay.Ticks, seen);
                if (before == seen) return;
                seen = before;
            }
        }

        public TimeSpan? Take() => Interlocked.Exchange(ref least, long.MaxValue) is var ticks && ticks == long.MaxValue ? null : TimeSpan.FromTicks(ticks);
    }
}
