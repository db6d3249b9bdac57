using System.Diagnostics;

namespace Surety.Bench.JobQueues;

/// <summary>A backlog worked off. No job is enqueued meanwhile, so what is written is claiming and settling.</summary>
internal static class Drain
{
    public static async Task<Cell> MeasureAsync(Workbench bench, int nodes)
    {
        var entrants = new List<Entrant>();
        foreach (var name in bench.Settings.Against) entrants.Add(name == Contender.Raw ? new Raw(bench) : new Queue(bench, name, await Crew.StartAsync(Contender.Called(name).Launch, nodes)));
        return await bench.RunAsync("drain", nodes, entrants);
    }

    /// <summary>Through a queue's public interface. The clock runs from the order to start until the last job is settled.</summary>
    private sealed class Queue(Workbench bench, string name, Crew crew) : Entrant(name)
    {
        private Tally handled = new();

        public override async Task PrepareAsync(string database)
        {
            await crew.Producer.DoAsync(new Order("open") { Socket = bench.Server.Folder, Database = database }, "opened");
            await crew.Producer.DoAsync(new Order("enqueue") { Count = bench.Settings.Backlog, PerCall = 500, InFlight = 2 }, "enqueued");
        }

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            await crew.WorkAsync(new Order("start") { Socket = bench.Server.Folder, Database = database });
            await crew.UntilHandledAsync(bench.Settings.Backlog, TimeSpan.FromMinutes(5));
            TimeSpan took;
            do took = Stopwatch.GetElapsedTime(began);
            while ((await crew.Producer.DoAsync(new Order("left"), "left")).Count > 0);
            handled = await crew.RestAsync();
            return new Result(bench.Settings.Backlog, bench.Settings.Backlog / took.TotalSeconds);
        }

        public override async Task FinishAsync(string database)
        {
            await crew.Producer.DoAsync(new Order("close"), "closed");
            handled.Check(0, bench.Settings.Backlog, Name);
        }

        public override TimeSpan ProcessorTime() => crew.ProcessorTime;

        public override ValueTask DisposeAsync() => crew.DisposeAsync();
    }

    /// <summary>The statements alone: claim a hundred, settle them.</summary>
    private sealed class Raw(Workbench bench) : Pgbench(bench, Contender.Raw)
    {
        private const int Clients = 4;

        public override async Task PrepareAsync(string database)
        {
            await ScriptAsync(database, "rows-schema.sql");
            await RunAsync(database, ["-c", "1", "-t", $"{Bench.Settings.Backlog / 100}", "-f", Script("rows-insert.sql")]);
        }

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            var clients = Math.Min(Clients, Bench.Settings.Backlog / 100);
            await RunAsync(database, ["-c", $"{clients}", "-j", "2", "-t", $"{Bench.Settings.Backlog / 100 / clients + 1}", "-f", Script("rows-work.sql")]);
            return new Result(Bench.Settings.Backlog, Bench.Settings.Backlog / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        public override async Task FinishAsync(string database)
        {
            var left = await Bench.Server.ScalarAsync<long>(database, "SELECT count(*) FROM raw_job");
            if (left > 0) throw new InvalidOperationException($"pgbench left {left} jobs.");
        }
    }
}
