namespace Surety.Bench.JobQueues;

/// <summary>Jobs sent at a rate: how long from the instant one was to be sent until its handler starts.</summary>
internal static class Latency
{
    /// <param name="bench">Where.</param>
    /// <param name="name">Of the cell.</param>
    /// <param name="nodes">Worker processes.</param>
    /// <param name="rateOf">A contender's rate in jobs a second; null leaves it out.</param>
    public static Task<Cell> MeasureAsync(Workbench bench, string name, int nodes, Func<string, long?> rateOf) => bench.RunAsync(
        name, nodes, null, (contender, crew) => rateOf(contender) is { } rate ? [new Queue(bench, contender, crew, rate)] : []);

    private sealed class Queue(Workbench bench, string name, Crew crew, long rate) : QueueEntrant(bench, name, crew)
    {
        // One a commit where commits of one can keep up.
        private readonly int perCall = rate <= 2_000 ? 1 : 10;
        private Tally handled = new();
        private long enqueued;

        public override Task PrepareAsync(string database) => OpenAsync(database);

        public override async Task<Result> RunAsync(string database)
        {
            await Crew.WorkAsync(On(database, "start"));
            var first = await PaceAsync(0, 1);
            await Crew.ForgetAsync();
            var rest = await PaceAsync(first.Count, Bench.Seconds);
            enqueued = first.Count + rest.Count;
            await Crew.UntilHandledAsync(enqueued, Patience);
            handled = await Crew.RestAsync();
            return new Result(enqueued, rest.Count * 1e6 / rest.Micros, handled.WaitedMilliseconds(0.5), handled.WaitedMilliseconds(0.99));
        }

        public override Task FinishAsync(string database) => CheckAsync(handled, enqueued);

        private Task<Said> PaceAsync(long first, int seconds) =>
            Crew.Producer.DoAsync(
                new Order("pace") { First = first, Rate = rate, PerCall = perCall, InFlight = 16, Seconds = seconds }, "enqueued");
    }
}
