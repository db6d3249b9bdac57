using System.Diagnostics;
using Microsoft.Extensions.Hosting;

namespace Surety.AspNetCore;

/// <summary>Measures how long work waits for a thread, by queueing some, and lets the admission follow. Rests while no request is at work.</summary>
internal sealed class ThreadDelay(Admission admission) : IHostedService, IDisposable
{
    private const int SamplesAnInterval = 4;
    private static readonly TimeSpan BetweenSamples = TimeSpan.FromMilliseconds(25);

    private Timer? timer;
    private int samples;
    private int waiting;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        EdgeMetrics.Observe(admission);
        timer = new Timer(static self => ((ThreadDelay)self!).Sample(), this, BetweenSamples, BetweenSamples);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => timer?.Dispose();

    private void Sample()
    {
        if (Interlocked.Increment(ref samples) % SamplesAnInterval == 0) admission.Adjust();
        if (admission.AtWork == 0 || Interlocked.Exchange(ref waiting, 1) != 0) return;
        // Behind everything that waits already, as a request would be.
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.self.Ran(state.queued), (self: this, queued: Stopwatch.GetTimestamp()), preferLocal: false);
    }

    private void Ran(long queued)
    {
        admission.WaitedForThread(Stopwatch.GetElapsedTime(queued));
        Volatile.Write(ref waiting, 0);
    }
}
