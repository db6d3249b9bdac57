using System.Diagnostics;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// Measures how long work waits for a thread, by queueing some as requests come, and lets the admission follow. No timer: one that fires
/// all the time costs more than what it would measure.
/// </summary>
internal sealed class ThreadDelay(Admission admission, TimeProvider time)
{
    private const int SamplesAnInterval = 4;
    private static readonly TimeSpan BetweenSamples = TimeSpan.FromMilliseconds(25);

    private readonly long ticksBetween = (long)(BetweenSamples.TotalSeconds * time.TimestampFrequency);
    private long sampledAt = time.GetTimestamp();
    private int samples;
    private int waiting;

    /// <summary>A request has come.</summary>
    public void Look()
    {
        var (now, last) = (time.GetTimestamp(), Volatile.Read(ref sampledAt));
        if (now - last < ticksBetween || Interlocked.CompareExchange(ref sampledAt, now, last) != last) return;
        if (Interlocked.Increment(ref samples) % SamplesAnInterval == 0) admission.Adjust();
        if (Interlocked.Exchange(ref waiting, 1) != 0) return;
        // Behind everything that waits already, as a request would be.
#pragma warning disable RS0030 // What it measures is the pool, in real time.
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state.self.Ran(state.queued), (self: this, queued: Stopwatch.GetTimestamp()), preferLocal: false);
#pragma warning restore RS0030
    }

    private void Ran(long queued)
    {
#pragma warning disable RS0030 // As above.
        admission.WaitedForThread(Stopwatch.GetElapsedTime(queued));
#pragma warning restore RS0030
        Volatile.Write(ref waiting, 0);
    }
}
