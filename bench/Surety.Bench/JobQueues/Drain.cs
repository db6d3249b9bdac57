using System.Diagnostics;

namespace Surety.Bench.JobQueues;

/// <summary>A backlog worked off. No job is enqueued meanwhile, so what is written is claiming and settling.</summary>
internal static class Drain
{
    public static Task<Cell> MeasureAsync(Workbench bench, int nodes) =>
        bench.RunAsync("drain", nodes, name => new Raw(bench, name, nodes), (name, crew) => [new Queue(bench, name, crew)]);

    /// <summary>The clock runs from the order to start until the last job is settled.</summary>
    private sealed class Queue(Workbench bench, string name, Crew crew) : QueueEntrant(bench, name, crew)
    {
        private Tally handled = new();

        public override async Task PrepareAsync(string database)
        {
            await OpenAsync(database);
            await Crew.Producer.DoAsync(new Order("enqueue") { Count = Bench.Backlog, PerCall = 500, InFlight = 2 }, "enqueued");
            await ReopenAsync(database);
        }

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            await Crew.WorkAsync(On(database, "start"));
            await Crew.UntilHandledAsync(Bench.Backlog, Patience);
            TimeSpan took;
            do took = Stopwatch.GetElapsedTime(began);
            while (await LeftAsync() > 0);
            handled = await Crew.RestAsync();
            return new Result(Bench.Backlog, Bench.Backlog / took.TotalSeconds);
        }

        public override Task FinishAsync(string database) => CheckAsync(handled, Bench.Backlog);
    }

    /// <summary>The statements alone: claim a hundred, settle them, on four connections a node.</summary>
    private sealed class Raw(Workbench bench, string name, int nodes) : Pgbench(bench, name)
    {
        public override async Task PrepareAsync(string database)
        {
            await ScriptAsync(database, Variant("schema"));
            await RunAsync(database, ["-c", "1", "-t", $"{Bench.Backlog / 100}", "-f", Script(Variant("insert"))]);
        }

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            var clients = Math.Min(4 * nodes, Bench.Backlog / 100);
            await RunAsync(
                database, ["-c", $"{clients}", "-j", "2", "-t", $"{Bench.Backlog / 100 / clients + 1}", "-f", Script(Variant("work"))]);
            return new Result(Bench.Backlog, Bench.Backlog / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        public override async Task FinishAsync(string database)
        {
            var left = await Bench.Server.ScalarAsync<long>(database, "SELECT count(*) FROM raw_job");
            if (left > 0) throw new InvalidOperationException($"pgbench left {left} jobs.");
        }
    }
}
