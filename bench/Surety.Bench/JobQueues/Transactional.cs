using System.Diagnostics;
using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>
/// A backlog whose handlers write a row each, at most four at a time on a node: how many a second, from the first one on. Surety's commits
/// with the settling; what the peers do is said in bench/queue/peers.
/// </summary>
internal static class Transactional
{
    private const int Handlers = 4;

    public static Task<Cell> MeasureAsync(Workbench bench, int nodes) =>
        bench.RunAsync("transactional", nodes, name => name == Contender.Raw ? new Raw(bench, nodes) : null,
            (name, crew) => name == Contender.Driver ? [new Driver(bench, crew, nodes)] : [new Queue(bench, name, crew)],
            nodesOf: name => name == Contender.Driver ? 0 : nodes, driver: true);

    private sealed class Queue(Workbench bench, string name, Crew crew) : QueueEntrant(bench, name, crew)
    {
        private readonly int count = bench.Settings.Quick ? 200 : 80_000;
        private Tally handled = new();

        public override async Task PrepareAsync(string database)
        {
            await Bench.Server.ExecuteAsync(database, "CREATE TABLE effect (number bigint PRIMARY KEY, amount text NOT NULL)");
            await OpenAsync(database);
            await Crew.Producer.DoAsync(new Order("enqueue") { Count = count, PerCall = 500, InFlight = 2 }, "enqueued");
            await ReopenAsync(database);
        }

        public override async Task<Result> RunAsync(string database)
        {
            await Crew.WorkAsync(On(database, "start") with { Handler = "row", Concurrency = Handlers });
            await Crew.UntilHandledAsync(1, Patience);
            await Task.Delay(Bench.Ramp);
            var (first, began) = (Crew.Handled, Stopwatch.GetTimestamp());
            await Task.WhenAny(Crew.UntilHandledAsync(count, Patience), Task.Delay(TimeSpan.FromSeconds(Bench.Seconds)));
            var rate = (Crew.Handled - first) / Stopwatch.GetElapsedTime(began).TotalSeconds;
            handled = await Crew.RestAsync();
            return new Result(handled.Count, rate);
        }

        public override async Task FinishAsync(string database)
        {
            var left = await LeftAsync();
            await Crew.Producer.DoAsync(new Order("close"), "closed");
            var rows = await Bench.Server.ScalarAsync<long>(database, "SELECT count(*) FROM effect");
            if (rows + left != count)
                throw new InvalidOperationException($"{Name}: of {count} jobs {rows} had an effect and {left} are left.");
        }
    }

    /// <summary>The same by hand, through the driver that Surety uses.</summary>
    private sealed class Driver(Workbench bench, Crew crew, int nodes) : QueueEntrant(bench, Contender.Driver, crew)
    {
        private long done;

        public override async Task PrepareAsync(string database)
        {
            await Bench.Server.ExecuteAsync(database, await File.ReadAllTextAsync(Pgbench.Script("bare-schema.sql")));
            await Crew.Producer.DoAsync(On(database, "open") with { Handler = "row" }, "opened");
        }

        public override async Task<Result> RunAsync(string database)
        {
            await Crew.Producer.TellAsync(new Order("sustain") { PerCall = 1, InFlight = Handlers * nodes, Window = long.MaxValue >> 12 });
            await Task.Delay(TimeSpan.FromSeconds(Bench.Seconds));
            var said = await Crew.Producer.DoAsync(new Order("halt"), "enqueued");
            done = said.Count;
            return new Result(done, done * 1e6 / said.Micros);
        }

        public override async Task FinishAsync(string database)
        {
            var receipts = await LeftAsync();
            await Crew.Producer.DoAsync(new Order("close"), "closed");
            if (receipts != done) throw new InvalidOperationException($"{Name} says it did {done} transactions and left {receipts}.");
        }
    }

    /// <summary>The effect, and a row whose key lets nobody do it again, in one transaction.</summary>
    private sealed class Raw(Workbench bench, int nodes) : Pgbench(bench, Contender.Raw)
    {
        public override Task PrepareAsync(string database) => ScriptAsync(database, "bare-schema.sql");

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            var output = await RunAsync(
                database, ["-c", $"{Handlers * nodes}", "-j", "2", "-T", Bench.Seconds.ToString(
                    CultureInfo.InvariantCulture), "-f", Script("bare-effect.sql")]);
            return new Result(Transactions(output), Transactions(output) / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
    }
}
