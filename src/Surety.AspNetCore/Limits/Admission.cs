using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// How many requests may be at work at once. The number follows what they are measured to wait for: while even the luckiest waits too long,
/// or most commands take much longer than when few are at work, a queue stands, here or in the database, and less is let in.
/// </summary>
internal sealed class Admission(IOptions<EdgeOptions> options, TimeProvider time)
{
    // What comes at once before anything is known: a burst that is worked off in a moment, wherever few processors are, too.
    private static readonly int Start = Math.Min(64, 16 * Environment.ProcessorCount);

    // Fewer say little of the rest.
    private const int EnoughCommands = 8;

    private const double LeastStrain = 1.25;
    private const double MostCut = 0.25;
    private static readonly TimeSpan JustNow = TimeSpan.FromSeconds(1);

    private readonly EdgeOptions options = options.Value;
    private readonly Lock gate = new();
    private readonly Window threads = new();
    private readonly Window store = new();
    private int limit = Math.Clamp(Start, options.Value.MinConcurrency, options.Value.MaxConcurrency);
    private int atWork;
    private int highAtWork;
    private int peak;
    private long shedAt;
    private (int Ended, int Late, double Strain) commands;

    public int Limit => Volatile.Read(ref limit);

    public int AtWork => Volatile.Read(ref atWork);

    /// <summary>Somebody was turned away in the last 10 s.</summary>
    public bool IsShedding => HasShed(TimeSpan.FromSeconds(10));

    /// <summary>Few are at work, and nobody was turned away: what takes long now does so by itself.</summary>
    public bool IsCalm => AtWork <= options.MinConcurrency && !IsShedding;

    public bool TryEnter(RequestPriority priority)
    {
        lock (gate)
        {
            if (!IsFree(priority))
            {
                shedAt = time.GetTimestamp();
                peak = Math.Max(peak, Limit);
                return false;
            }

            Enter(priority);
            return true;
        }
    }

    /// <summary>Takes a place that was left for a while; nobody is turned away half-way.</summary>
    public void Return(RequestPriority priority)
    {
        lock (gate) Enter(priority);
    }

    public void Leave(RequestPriority priority)
    {
        Interlocked.Decrement(ref atWork);
        if (priority == RequestPriority.High) Interlocked.Decrement(ref highAtWork);
    }

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
        var most = pace.Most(options.MaxQueueDelay, turnsAway: HasShed(JustNow));
        pace.Note(took, wasCalm && IsCalm, time.GetTimestamp(), time.TimestampFrequency);
        lock (gate)
        {
            commands.Ended++;
            if (most is not { } allowed) return;
            if (took > allowed) commands.Late++;
            commands.Strain += took / allowed;
        }
    }

    /// <summary>Once an interval.</summary>
    public void Adjust()
    {
        lock (gate)
        {
            var strain = Longest(threads.Take(), store.Take()) / options.MaxQueueDelay;
            if (commands.Ended >= EnoughCommands)
            {
                // Most, not the mean: one slow one among many is its own affair.
                var slowed = commands.Late > commands.Ended / 2 ? Math.Max(LeastStrain, commands.Strain / commands.Ended) : 0;
                strain = Math.Max(strain ?? 0, slowed);
                commands = default;
            }

            limit = Next(limit, peak, strain, options);
            peak = atWork;
        }
    }

    /// <summary>The next interval's limit. Pure.</summary>
    /// <param name="limit">This interval's.</param>
    /// <param name="peak">The most that were at work.</param>
    /// <param name="strain">
    /// How many times as long as it may be is waited; null when nothing was measured. More than one: a queue stands.
    /// </param>
    /// <param name="options">The bounds.</param>
    public static int Next(int limit, int peak, double? strain, EdgeOptions options)
    {
        // What was never used says nothing: it goes down from what was, and up to where it started, so that the next burst after an
        // overload is let in. What is waited for is about as long as there are many, so it goes down in proportion; by no more than to a
        // quarter, as those who end now were let in under the last limit.
        if (strain > 1)
            return Math.Max(options.MinConcurrency, (int)(Math.Min(limit, peak) * Math.Clamp(1 / strain.Value, MostCut, 1 / LeastStrain)));
        return strain is not null && (peak >= limit || limit < Start)
            ? Math.Min(options.MaxConcurrency, limit + Math.Max(1, limit / 10)) : limit;
    }

    // High ones, and operators, have places of their own as well: under a limit that has just gone down, all the others may be taken for a
    // while.
    private bool IsFree(RequestPriority priority) =>
        atWork < Bound(limit, priority) || (priority == RequestPriority.High && highAtWork < OfHigh(limit));

    /// <summary>Low ones make room first. Pure.</summary>
    public static int Bound(int limit, RequestPriority priority) => priority == RequestPriority.Low ? Math.Max(1, limit * 3 / 4) : limit;

    /// <summary>How many high ones still enter when the others do not. Pure.</summary>
    public static int OfHigh(int limit) => 8 + (limit / 4);

    private bool HasShed(TimeSpan within) => Volatile.Read(ref shedAt) is var at && at != 0 && time.GetElapsedTime(at) < within;

    private static TimeSpan? Longest(TimeSpan? one, TimeSpan? other) => one > other || other is null ? one : other;

    private void Enter(RequestPriority priority)
    {
        peak = Math.Max(peak, Interlocked.Increment(ref atWork));
        if (priority == RequestPriority.High) Interlocked.Increment(ref highAtWork);
    }

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

        public TimeSpan? Take() =>
            Interlocked.Exchange(ref least, long.MaxValue) is var ticks && ticks == long.MaxValue ? null : TimeSpan.FromTicks(ticks);
    }
}
