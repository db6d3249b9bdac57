namespace Surety.Processing;

/// <summary>
/// A token bucket: at most <paramref name="permits"/> a <paramref name="period"/>, refilled steadily, starting full. Not safe for
/// concurrent use: the claim loop owns it.
/// </summary>
internal sealed class RateLimiter(int permits, TimeSpan period, TimeProvider time)
{
    private readonly long started = time.GetTimestamp();
    private double taken;

    /// <summary>How many may start now.</summary>
    public int Available() => (int)Math.Floor(permits - Level());

    public void Take(int count) => taken = Level() + count;

    /// <summary>Gives back what was not used.</summary>
    public void Return(int count) => taken = Math.Max(0, Level() - count);

    /// <summary>How long until one more may start.</summary>
    public TimeSpan UntilNext() => TimeSpan.FromTicks((long)Math.Max(0, (Level() - (permits - 1)) / permits * period.Ticks));

    private TimeSpan at;

    private double Level()
    {
        var now = time.GetElapsedTime(started);
        taken = Math.Max(0, taken - (now - at) / period * permits);
        at = now;
        return taken;
    }
}
