using System.Diagnostics;

namespace Surety.Rigs.Chaos;

/// <summary>
/// Ends every connection to the database twice a second, and measures each time how long it takes until a command sent after that is
/// accepted. Looks at the provider as well: the longest time in which no payout was paid says how the workers fare.
/// </summary>
internal sealed class Cutter(Rig rig)
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private readonly List<TimeSpan> recoveries = [];
    private long since;

    public int Cuts { get; private set; }

    public int Connections { get; private set; }

    public TimeSpan LongestWithoutPayment { get; private set; }

    public IReadOnlyList<TimeSpan> Recoveries
    {
        get { lock (gate) return [.. recoveries]; }
    }

    /// <summary>A command was accepted.</summary>
    /// <param name="sent">When the request that was accepted had left, as a timestamp.</param>
    public void Accepted(long sent)
    {
        lock (gate)
        {
            if (since == 0 || sent < since) return;
            recoveries.Add(Stopwatch.GetElapsedTime(since));
            since = 0;
        }
    }

    public async Task RunAsync(TimeSpan duration, Action<int> tick, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var watching = WatchPaymentsAsync(stop.Token);
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            var next = Task.Delay(Every, cancel);
            Connections += await rig.Postgres!.CutConnectionsAsync(cancel);
            Cuts++;
            lock (gate)
            {
                // While an earlier cut has not been recovered from, its time runs on.
                if (since == 0) since = Stopwatch.GetTimestamp();
            }

            tick((int)Stopwatch.GetElapsedTime(began).TotalSeconds);
            await next;
        }

        await stop.CancelAsync();
        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await UntilRecoveredAsync(cancel);
        tick((int)duration.TotalSeconds);
    }

    private async Task UntilRecoveredAsync(CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(30))
        {
            lock (gate)
            {
                if (since == 0) return;
            }

            await Task.Delay(10, cancel);
        }
    }

    private async Task WatchPaymentsAsync(CancellationToken cancel)
    {
        long last = 0;
        var seen = Stopwatch.GetTimestamp();
        while (true)
        {
            var paid = await ProviderPayment.AfterAsync(rig, last, cancel);
            if (paid.Count > 0)
            {
                last = paid[^1].Id;
                seen = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(seen) is var silence && silence > LongestWithoutPayment)
            {
                LongestWithoutPayment = silence;
            }

            await Task.Delay(Look, cancel);
        }
    }
}
