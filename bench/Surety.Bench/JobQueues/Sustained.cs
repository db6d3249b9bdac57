using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Surety.Bench.JobQueues;

/// <summary>One process enqueues in hundreds while others work: how many jobs a second go all the way. The producer stays at most a window ahead, so no backlog builds up.</summary>
internal static partial class Sustained
{
    private const int PerCall = 100;
    private const int InFlight = 4;
    private const int Window = 10_000;

    public static async Task<Cell> MeasureAsync(Workbench bench, int nodes)
    {
        var entrants = new List<Entrant>();
        foreach (var name in bench.Settings.Against) entrants.Add(name == Contender.Raw ? new Raw(bench) : new Queue(bench, name, await Crew.StartAsync(Contender.Called(name).Launch, nodes)));
        return await bench.RunAsync("sustained", nodes, entrants);
    }

    private sealed class Queue(Workbench bench, string name, Crew crew) : Entrant(name)
    {
        private Tally handled = new();
        private long enqueued;

        public override Task PrepareAsync(string database) => crew.Producer.DoAsync(new Order("open") { Socket = bench.Server.Folder, Database = database }, "opened");

        public override async Task<Result> RunAsync(string database)
        {
            await crew.WorkAsync(new Order("start") { Socket = bench.Server.Folder, Database = database });
            await crew.Producer.TellAsync(new Order("sustain") { PerCall = PerCall, InFlight = InFlight, Window = Window });
            using var ended = new CancellationTokenSource();
            var leading = LeadAsync(ended.Token);
            // Pools fill, caches warm up, the first claims are small.
            await Task.Delay(TimeSpan.FromSeconds(bench.Settings.Quick ? 0.2 : 1));
            var (first, began) = (crew.Handled, Stopwatch.GetTimestamp());
            await Task.Delay(TimeSpan.FromSeconds(bench.Settings.Seconds));
            var rate = (crew.Handled - first) / Stopwatch.GetElapsedTime(began).TotalSeconds;
            await ended.CancelAsync();
            await leading;
            enqueued = (await crew.Producer.DoAsync(new Order("halt"), "enqueued")).Count;
            await crew.UntilHandledAsync(enqueued, TimeSpan.FromMinutes(1));
            handled = await crew.RestAsync();
            return new Result(enqueued, rate);
        }

        public override async Task FinishAsync(string database)
        {
            handled.Check(0, enqueued, Name);
            var left = (await crew.Producer.DoAsync(new Order("left"), "left")).Count;
            await crew.Producer.DoAsync(new Order("close"), "closed");
            if (left > 0) throw new InvalidOperationException($"{Name} left {left} jobs unsettled.");
        }

        public override TimeSpan ProcessorTime() => crew.ProcessorTime;

        public override ValueTask DisposeAsync() => crew.DisposeAsync();

        private async Task LeadAsync(CancellationToken cancel)
        {
            for (var told = 0L; !cancel.IsCancellationRequested;)
            {
                await Task.Delay(10, CancellationToken.None);
                if (crew.Handled is var now && now != told) await crew.Producer.TellAsync(new Order("allow") { Count = (told = now) + Window });
            }
        }
    }

    /// <summary>The statements alone: as many inserts of a hundred as claims and settles of a hundred, in turns on each connection.</summary>
    private sealed partial class Raw(Workbench bench) : Pgbench(bench, Contender.Raw)
    {
        public override Task PrepareAsync(string database) => ScriptAsync(database, "rows-schema.sql");

        public override async Task<Result> RunAsync(string database)
        {
            var seconds = Bench.Settings.Seconds + 1;
            var output = await RunAsync(database, ["-c", "4", "-j", "2", "-T", $"{seconds}", "-f", Script("rows-cycle.sql")]);
            var cycles = long.Parse(Processed().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
            var left = await Bench.Server.ScalarAsync<long>(database, "SELECT count(*) FROM raw_job");
            return new Result(cycles * 100 - left, (cycles * 100 - left) / (double)seconds);
        }

        [GeneratedRegex(@"number of transactions actually processed: (\d+)")]
        private static partial Regex Processed();
    }
}
