using System.Diagnostics;
using Surety.Storage;

// Waits for the database are real, whatever clock the host was given: by one that stands still none would end by another.
#pragma warning disable RS0030

namespace Surety.Sqlite.Wakeups;

/// <summary>
/// When a worker looks for messages: when something was committed, here or in another process, and when the next one is due.
/// </summary>
internal sealed class Looks(CommitWatch watch, WorkSignal work, TimeProvider time)
{
    // The signal's version before the last look at the queues: whatever came later has not been seen.
    private long seen;
    private volatile bool leftSome;

    /// <summary>Before a look.</summary>
    public void Begin()
    {
        Interlocked.Exchange(ref seen, work.Version);
        leftSome = false;
    }

    /// <summary>After a look.</summary>
    /// <param name="isFull">Whether it got as many of a queue as it had asked for.</param>
    public void End(bool isFull) => leftSome = isFull;

    /// <summary>Until there may be something that the last look has not seen.</summary>
    /// <param name="nextDue">Finds out when the next scheduled message is due.</param>
    /// <param name="atMost">How long.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask WaitAsync(Func<DateTimeOffset?> nextDue, TimeSpan atMost, CancellationToken cancel)
    {
        // A caller that got as many as it asked for asks again.
        if (leftSome) return;
        var began = Stopwatch.GetTimestamp();
        watch.Start();
        var pulse = work.Next;
        if (work.Version != Interlocked.Read(ref seen)) return;
        var due = nextDue();
        while (Stopwatch.GetElapsedTime(began) is var waited && waited < atMost && !pulse.IsCompleted)
        {
            var pause = atMost - waited;
            if (due is { } instant)
            {
                var left = instant - time.GetUtcNow();
                if (left <= TimeSpan.Zero) return;
                if (left < pause) pause = left;
            }

            // Suppressed: that nothing came is no exception.
            await pulse.WaitAsync(pause, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
        }
    }
}
