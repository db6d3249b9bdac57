using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Surety.Telemetry;

namespace Surety.Coordination;

/// <summary>
/// Keeps loops turning: one that fails is started again, after a pause that grows to 2 s while it does not turn; a change of state gets one
/// line in the log, not one line a try. Knows when each loop last turned, so that a silent one shows in the health.
/// </summary>
internal sealed class Supervisor(SuretyOptions options, TimeProvider time, ILogger<Supervisor> log)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // On top of what a loop may rest by its options: an idle one turns no sooner.
    private readonly TimeSpan silence = TimeSpan.FromSeconds(30) + (options.NodeLease / 3 > options.PollInterval ? options.NodeLease / 3 : options.PollInterval);
    private readonly ConcurrentDictionary<string, LoopState> loops = [];

    /// <summary>Runs the loop until cancelled. Never throws.</summary>
    /// <param name="name">For people.</param>
    /// <param name="body">
    /// The loop; calls the given action whenever it has turned, which is when it has done something and not failed.
    /// </param>
    /// <param name="cancel">Ends it.</param>
    public async Task RunAsync(string name, Func<Action, CancellationToken, Task> body, CancellationToken cancel)
    {
        await Task.Yield();
        var state = loops[name] = new LoopState(time.GetTimestamp());
        var failures = 0;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await body(() => Turned(name), cancel);
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
                    Log.LoopFailed(log, e, name);
                }

                failures++;
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(LongestPause.TotalMilliseconds, 50 * Math.Pow(2, Math.Min(failures, 10)))), time, cancel)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        loops.TryRemove(new(name, state));
    }

    public void Turned(string name)
    {
        if (!loops.TryGetValue(name, out var state)) return;
        state.LastTurn = time.GetTimestamp();
        if (Interlocked.Exchange(ref state.Error, null) is not null) Log.LoopRecovered(log, name);
    }

    /// <summary>What is wrong with the loops now, for people.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var (name, state) in loops)
        {
            if (state.Error is { } error) yield return $"The {name} loop fails and is tried again: {error}";
            else if (name is "work" or "claim" or "upkeep" && time.GetElapsedTime(state.LastTurn) > silence) yield return $"The {name} loop has not turned for {time.GetElapsedTime(state.LastTurn).TotalSeconds:0} s.";
        }
    }

    private sealed class LoopState(long lastTurn)
    {
        public long LastTurn = lastTurn;
        public string? Error;
    }
}
