using System.Diagnostics;

namespace Surety.Bench.JobQueues;

/// <summary>
/// One process enqueues in hundreds while others work: how many jobs a second go all the way. The producer stays at most a window ahead, so
/// no backlog builds up by itself.
/// </summary>
internal static class Sustained
{
    private const int PerCall = 100;
    private const int InFlight = 4;
    private const int Window = 10_000;

    public static Task<Cell> MeasureAsync(Workbench bench, int nodes) =>
        bench.RunAsync("sustained", nodes, name => new Raw(bench, name, nodes), (name, crew) => [new Queue(bench, name, crew)]);

    /// <summary>Under pressure and without, in turns.</summary>
    public static Task<Cell> MeasureAsync(Workbench bench, int nodes, Pressure pressure) =>
        bench.RunAsync(pressure.Name, nodes, null, (name, crew) =>
            [new Queue(bench, name, crew, Pressure.None), new Queue(bench, name, crew, pressure)]);

    private sealed class Queue(Workbench bench, string name, Crew crew, Pressure? pressure = null)
        : QueueEntrant(bench, name, crew, pressure == Pressure.None ? " at ease" : "")
    {
        private readonly Pressure pressure = pressure ?? Pressure.None;
        private Tally handled = new();
        private long enqueued;

        public override async Task PrepareAsync(string database)
        {
            if (pressure.Backlog is { } queue)
            {
                await Crew.Producer.DoAsync(On(database, "open") with { Queue = queue }, "opened");
                await Crew.Producer.DoAsync(
                    new Order("enqueue") { First = 1_000_000_000, Count = Bench.HugeBacklog, PerCall = 1000, InFlight = 2 }, "enqueued");
                await Crew.Producer.DoAsync(new Order("close"), "closed");
                // What is asked is what it costs to have them, not to write them out.
                await Bench.Server.ExecuteAsync(database, "CHECKPOINT");
            }

            await OpenAsync(database);
        }

        public override async Task<Result> RunAsync(string database)
        {
            await using var held = pressure.HoldsTransaction ? await Bench.Server.OpenAsync(database) : null;
            await using var transaction = held is null ? null : await held.BeginTransactionAsync();
            if (held is not null)
            {
                await using var write = held.CreateCommand();
                write.CommandText = "CREATE TABLE held (id int)";
                await write.ExecuteNonQueryAsync();
            }

            await Crew.WorkAsync(On(database, "start") with { Handler = pressure.Handler });
            await Crew.Producer.TellAsync(new Order("sustain") { PerCall = PerCall, InFlight = InFlight, Window = Window });
            using var ended = new CancellationTokenSource();
            var leading = LeadAsync(ended.Token);
            await Task.Delay(Bench.Ramp);
            var (first, began) = (Crew.Handled, Stopwatch.GetTimestamp());
            await Task.Delay(TimeSpan.FromSeconds(Bench.Seconds * pressure.Longer));
            var rate = (Crew.Handled - first) / Stopwatch.GetElapsedTime(began).TotalSeconds;
            await ended.CancelAsync();
            await leading;
            enqueued = (await Crew.Producer.DoAsync(new Order("halt"), "enqueued")).Count;
            if (!pressure.IsMixed) await Crew.UntilHandledAsync(enqueued, Patience);
            handled = await Crew.RestAsync();
            return new Result(handled.Count, rate);
        }

        public override async Task FinishAsync(string database)
        {
            if (!pressure.IsMixed)
            {
                await CheckAsync(handled, enqueued);
                return;
            }

            // Old and new jobs in one queue: which were handled is the queue's choice, but none may be gone and none handled twice.
            var left = await LeftAsync();
            await Crew.Producer.DoAsync(new Order("close"), "closed");
            if (handled.Count + left != enqueued + Bench.HugeBacklog)
                throw new InvalidOperationException(
                    $"{Name}: of {enqueued + Bench.HugeBacklog} jobs {handled.Count} were handled and {left} are left.");
        }

        private async Task LeadAsync(CancellationToken cancel)
        {
            for (var told = 0L; !cancel.IsCancellationRequested;)
            {
                await Task.Delay(10, CancellationToken.None);
                if (Crew.Handled is var now && now != told)
                    await Crew.Producer.TellAsync(new Order("allow") { Count = (told = now) + Window });
            }
        }
    }

    /// <summary>
    /// The statements alone: an insert of a hundred, a claim and a settling of a hundred, in turns on each of four connections a node.
    /// </summary>
    private sealed class Raw(Workbench bench, string name, int nodes) : Pgbench(bench, name)
    {
        public override Task PrepareAsync(string database) => ScriptAsync(database, Variant("schema"));

        public override async Task<Result> RunAsync(string database)
        {
            var seconds = Bench.Seconds;
            var output = await RunAsync(database, ["-c", $"{4 * nodes}", "-j", "2", "-T", $"{seconds}", "-f", Script(Variant("cycle"))]);
            var done = Transactions(output) * 100 - await Bench.Server.ScalarAsync<long>(database, "SELECT count(*) FROM raw_job");
            return new Result(done, done / (double)seconds);
        }
    }
}

/// <summary>What makes a sustained load hard.</summary>
internal sealed record Pressure(string Name)
{
    public static readonly Pressure None = new("at ease");

    public static IReadOnlyList<Pressure> All { get; } =
    [
        new("a transaction held open") { HoldsTransaction = true, Longer = 3 },
        new("a huge backlog of another queue") { Backlog = "elsewhere" },
        new("a huge backlog of the same queue") { Backlog = "posted", IsMixed = true },
        new("one in ten fails once") { Handler = "fail" },
    ];

    public string Handler { get; init; } = "none";

    /// <summary>A transaction that has written stays open in the same database: nothing that dies after it may be cleaned up.</summary>
    public bool HoldsTransaction { get; init; }

    /// <summary>A queue that has a great many jobs already.</summary>
    public string? Backlog { get; init; }

    public bool IsMixed { get; init; }

    /// <summary>Times the usual duration.</summary>
    public int Longer { get; init; } = 1;
}
