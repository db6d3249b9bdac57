namespace Surety;

/// <summary>
/// When a failed message is tried again, and when it is given up. Immutable: every method returns a new policy. The first rule whose
/// exception type fits decides; without one, the policy's own delays do.
/// </summary>
public sealed class Retry
{
    private readonly Func<RetryContext, TimeSpan> delay;
    private readonly (Func<Exception, bool> Fits, Retry? Policy)[] rules;

    private Retry(int attempts, Func<RetryContext, TimeSpan> delay, (Func<Exception, bool>, Retry?)[]? rules = null)
    {
        Attempts = attempts;
        this.delay = delay;
        this.rules = rules ?? [];
    }

    /// <summary>The longest delay any policy may ask for; longer answers are cut to it: 30 days.</summary>
    public static TimeSpan LongestDelay { get; } = TimeSpan.FromDays(30);

    /// <summary>How many attempts a message gets in all, the first included.</summary>
    public int Attempts { get; }

    /// <summary>The policy of queues that name none: 12 attempts, exponential from 1 s up to 1 h, about four hours in all.</summary>
    public static Retry Default { get; } = Exponential(12);

    /// <summary>No second attempt: the first failure is final.</summary>
    public static Retry Never { get; } = Fixed(1, TimeSpan.Zero);

    /// <summary>
    /// Waits a random time between zero and <c>initial × 2^(failures - 1)</c>, capped ("full jitter": clients that failed together do not
    /// come back together).
    /// </summary>
    /// <param name="attempts">Attempts in all, 1 to 1,000.</param>
    /// <param name="initial">The first delay's upper bound. Default 1 s.</param>
    /// <param name="cap">The greatest upper bound. Default 1 h.</param>
    public static Retry Exponential(int attempts, TimeSpan? initial = null, TimeSpan? cap = null)
    {
        var first = Delay(initial ?? TimeSpan.FromSeconds(1), nameof(initial));
        var most = Delay(cap ?? TimeSpan.FromHours(1), nameof(cap));
        // In doubles: a time span doubled some forty times overflows.
        return new(Checked(attempts), failure =>
            TimeSpan.FromTicks((long)(Math.Min(first.Ticks * Math.Pow(2, failure.Failures - 1), most.Ticks) * failure.Jitter)));
    }

    /// <summary>Waits the same time before every attempt.</summary>
    /// <param name="attempts">Attempts in all, 1 to 1,000.</param>
    /// <param name="delay">The time between two attempts; zero or more.</param>
    public static Retry Fixed(int attempts, TimeSpan delay)
    {
        var checkedDelay = Delay(delay, nameof(delay));
        return new(Checked(attempts), _ => checkedDelay);
    }

    /// <summary>Waits the n-th time after the n-th failure; one attempt more than there are times.</summary>
    /// <param name="delays">At least one.</param>
    public static Retry Table(params TimeSpan[] delays)
    {
        ArgumentNullException.ThrowIfNull(delays);
        ArgumentOutOfRangeException.ThrowIfZero(delays.Length, nameof(delays));
        var table = Array.ConvertAll(delays, d => Delay(d, nameof(delays)));
        return new(Checked(table.Length + 1), failure => table[Math.Min(failure.Failures, table.Length) - 1]);
    }

    /// <summary>
    /// Asks the given function. When it throws, the message waits <see cref="LongestDelay"/> divided by a thousand (43 min), so that a
    /// faulty policy loses nothing.
    /// </summary>
    /// <param name="attempts">Attempts in all, 1 to 1,000.</param>
    /// <param name="delay">Gives the time to wait after a failure.</param>
    public static Retry Custom(int attempts, Func<RetryContext, TimeSpan> delay)
    {
        ArgumentNullException.ThrowIfNull(delay);
        return new(Checked(attempts), failure =>
        {
            try
            {
                return delay(failure);
            }
            catch (Exception)
            {
                return LongestDelay / 1000;
            }
        });
    }

    /// <summary>
    /// Uses another policy for failures by this exception type (or one derived from it). Of a <see cref="StoreException"/> the exception
    /// inside is looked at, too.
    /// </summary>
    /// <param name="policy">The policy; its own rules are not asked.</param>
    public Retry On<TException>(Retry policy) where TException : Exception
    {
        ArgumentNullException.ThrowIfNull(policy);
        return new(Attempts, delay, [.. rules, (e => e is TException, policy)]);
    }

    /// <summary>
    /// Sends failures by this exception type (or one derived from it) to the dead letters at once. Of a <see cref="StoreException"/>, which
    /// a commit throws, the database library's exception inside is looked at, too.
    /// </summary>
    public Retry RejectOn<TException>() where TException : Exception => new(Attempts, delay, [.. rules, (e => e is TException, null)]);

    /// <summary>The time to wait, or null when the message is to be given up.</summary>
    internal TimeSpan? After(RetryContext failure)
    {
        var policy = this;
        if (failure.Exception is { } exception)
        {
            foreach (var (fits, other) in rules)
            {
                // What the store wraps is known by the database library's own type, too.
                if (!fits(exception) && !(exception is StoreException { InnerException: { } cause } && fits(cause))) continue;
                if (other is null) return null;
                policy = other;
                break;
            }
        }

        if (failure.Failures >= policy.Attempts) return null;
        var wait = policy.delay(failure);
        return Min(wait < TimeSpan.Zero ? TimeSpan.Zero : wait, LongestDelay);
    }

    private static int Checked(int attempts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempts, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attempts, 1000);
        return attempts;
    }

    private static TimeSpan Delay(TimeSpan delay, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(delay, LongestDelay, name);
        return delay;
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}

/// <summary>One failure, as a retry policy sees it.</summary>
/// <param name="Failures">How often the message has failed, this time included; 1 or more.</param>
/// <param name="Exception">What the handler threw, or null when it returned <see cref="Outcome.Retry"/>.</param>
/// <param name="Jitter">A random number in [0, 1), the same for all rules of one decision.</param>
public readonly record struct RetryContext(int Failures, Exception? Exception, double Jitter);
