using System.Threading.RateLimiting;

namespace Surety.AspNetCore.Limits;

/// <summary>One caller's window on this node. It begins with his first request after the last one has ended.</summary>
internal sealed class LocalQuota(int permits, TimeSpan window, TimeProvider time, Action? forget = null) : RateLimiter
{
    private readonly Lock gate = new();
    private long began = time.GetTimestamp();
    private int used;

    // Null while a window runs: the framework drops limiters that have been idle for some seconds, and with this one goes what its caller
    // has used.
    public override TimeSpan? IdleDuration
    {
        get
        {
            lock (gate) return time.GetElapsedTime(began) - window is var idle && idle > TimeSpan.Zero ? idle : null;
        }
    }

    /// <summary>Counts what was permitted elsewhere.</summary>
    public void Note()
    {
        lock (gate)
        {
            Roll();
            if (used < permits) used++;
        }
    }

    public override RateLimiterStatistics? GetStatistics() => null;

    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        lock (gate)
        {
            var left = Roll();
            if (used + permitCount > permits) return new QuotaLease(false, permits - used, left);
            used += permitCount;
            return new QuotaLease(true, permits - used, left);
        }
    }

    protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
        new(AttemptAcquireCore(permitCount));

    protected override void Dispose(bool disposing)
    {
        forget?.Invoke();
        base.Dispose(disposing);
    }

    private TimeSpan Roll()
    {
        var left = window - time.GetElapsedTime(began);
        if (left > TimeSpan.Zero) return left;
        (began, used) = (time.GetTimestamp(), 0);
        return window;
    }
}
