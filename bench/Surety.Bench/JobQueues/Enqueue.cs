using System.Diagnostics;
using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>
/// Jobs handed in and nothing else: how near an enqueue comes to a bare insert. Surety's wake-ups are on and somebody sleeps who would have
/// to be woken.
/// </summary>
internal static class Enqueue
{
    /// <param name="bench">Where.</param>
    /// <param name="name">Of the cell.</param>
    /// <param name="perCall">Jobs a call and so a commit: one or a hundred.</param>
    /// <param name="connections">Calls under way at once.</param>
    public static Task<Cell> MeasureAsync(Workbench bench, string name, int perCall, int connections) => bench.RunAsync(
        name, 0, contender => contender == Contender.Raw ? new Raw(bench, perCall, connections) : null, (contender, crew) =>
            [new Queue(bench, contender, crew, perCall, connections)],
        // Their wake-ups cost the same whether anybody sleeps or not.
        nodesOf: contender => contender == Contender.Surety ? 1 : 0, driver: true);

    private sealed class Queue(Workbench bench, string name, Crew crew, int perCall, int connections) : QueueEntrant(bench, name, crew)
    {
        private long enqueued;

        public override async Task PrepareAsync(string database)
        {
            if (Name == Contender.Driver)
                await Bench.Server.ExecuteAsync(database, await File.ReadAllTextAsync(Pgbench.Script("bare-schema.sql")));
            await OpenAsync(database);
            if (Name == Contender.Surety) await Crew.WorkAsync(On(database, "start") with { Queue = "asleep" });
        }

        public override async Task<Result> RunAsync(string database)
        {
            await Crew.Producer.TellAsync(new Order("sustain") { PerCall = perCall, InFlight = connections, Window = long.MaxValue >> 12 });
            await Task.Delay(TimeSpan.FromSeconds(Bench.Seconds));
            var said = await Crew.Producer.DoAsync(new Order("halt"), "enqueued");
            enqueued = said.Count;
            return new Result(enqueued, enqueued * 1e6 / said.Micros);
        }

        public override async Task FinishAsync(string database)
        {
            await Crew.RestAsync();
            var left = await LeftAsync();
            await Crew.Producer.DoAsync(new Order("close"), "closed");
            if (left != enqueued) throw new InvalidOperationException($"{Name} says it took {enqueued} jobs and has {left}.");
        }
    }

    /// <summary>Inserts into a table with a primary key.</summary>
    private sealed class Raw(Workbench bench, int perCall, int connections) : Pgbench(bench, Contender.Raw)
    {
        public override Task PrepareAsync(string database) => ScriptAsync(database, "bare-schema.sql");

        public override async Task<Result> RunAsync(string database)
        {
            var began = Stopwatch.GetTimestamp();
            var output = await RunAsync(
                database,
                ["-c", $"{connections}", "-j", "2", "-T", Bench.Seconds.ToString(
                    CultureInfo.InvariantCulture), "-f", Script(perCall == 1 ? "bare-insert-one.sql" : "bare-insert.sql")]);
            var jobs = Transactions(output) * perCall;
            return new Result(jobs, jobs / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
    }
}
