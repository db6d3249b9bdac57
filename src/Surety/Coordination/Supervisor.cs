using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Surety.Telemetry;

namespace Surety.Coordination;

/// <summary>
/// Keeps loops turning: one that fails is started again, after a pause that grows to 2 s while it does not turn; a change of state gets one
/// line in the log, not one line a try. Knows when each loop last turned, so that a silent one shows in the health.
/// </summary>
internal sealed class Supervisor(Home home, TimeProvider time, ILogger<Supervisor> log)
{
    /// <summary>How long a loop may be silent on top of its rest: an honest turn may take that long.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<ILoop, LoopState> loops = [];

    /// <summary>The loops that run now.</summary>
    public IReadOnlyCollection<ILoop> Loops => (IReadOnlyCollection<ILoop>)loops.Keys;

    /// <summary>Runs the loop until cancelled. Never throws.</summary>
    public async Task RunAsync(ILoop loop, CancellationToken cancel)
    {
        await home;
        var state = loops[loop] = new LoopState(time.GetTimestamp());
        var failures = 0;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await loop.RunAsync(() => Turned(loop, state), cancel);
                break;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                // One that has turned since begins again with the shortest pause: connections that break now and then must not cost more
                // each time.
                if (Interlocked.Exchange(ref state.Error, e.Message) is null)
                {
                    failures = 0;
                    Log.LoopFailed(log, e, loop.Name);
                }

                await Task.Delay(PauseAfter(failures++), time, cancel).ConfigureAwait(Home.Quietly);
            }
        }

        loops.TryRemove(loop, out _);
    }

    /// <summary>What keeps the host from its work, for people.</summary>
    public IEnumerable<string> Problems() => Describe(canWait: false);

    /// <summary>What a person should look at though the host works.</summary>
    public IEnumerable<string> Degraded() => Describe(canWait: true);

    private IEnumerable<string> Describe(bool canWait)
    {
        foreach (var (loop, state) in loops)
        {
            if (loop.CanWait != canWait) continue;
            var silence = time.GetElapsedTime(Volatile.Read(ref state.LastTurn));
            if (state.Error is { } error) yield return $"The {loop.Name} loop fails and is tried again: {error}";
            else if (silence > loop.LongestRest + Patience)
                yield return $"The {loop.Name} loop has not turned for {silence.TotalSeconds:0} s.";
        }
    }

    private void Turned(ILoop loop, LoopState state)
    {
        Volatile.Write(ref state.LastTurn, time.GetTimestamp());
        if (Interlocked.Exchange(ref state.Error, null) is not null) Log.LoopRecovered(log, loop.Name);
    }

    private static TimeSpan PauseAfter(int failures) =>
        failures > 8 ? LongestPause : TimeSpan.FromTicks(Math.Min(FirstPause.Ticks << failures, LongestPause.Ticks));

    private sealed class LoopState(long lastTurn)
    {
        public long LastTurn = lastTurn;
        public string? Error;
    }
}
