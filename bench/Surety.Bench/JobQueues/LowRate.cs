using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>
/// Few jobs a second over one node and over several: what it costs that others are there, too. The nodes of one contender are in one cell,
/// in turns, so that their ratios are of one run.
/// </summary>
internal static class LowRate
{
    private const string Prefix = "low rate";

    public static IReadOnlyList<int> Rates { get; } = [100, 600, 2_000];

    /// <param name="rate">Jobs a second, over all.</param>
    /// <param name="byNodes">Whether the nodes enqueue them, each its share; else a process that does not work does.</param>
    public static string NameOf(int rate, bool byNodes) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{(byNodes ? ", enqueued by the nodes" : "")}: {rate:N0}/s");

    public static bool Is(Cell cell) => cell.Name.StartsWith(Prefix, StringComparison.Ordinal);

    public static string RowOf(string contender, int nodes) =>
        string.Create(CultureInfo.InvariantCulture, $"{contender}, {nodes} {(nodes == 1 ? "node" : "nodes")}");

    public static Task<Cell> MeasureAsync(Workbench bench, int rate, bool byNodes)
    {
        var most = bench.Settings.Nodes.Max();
        return bench.RunAsync(
            NameOf(rate, byNodes), 0, null,
            // The peers' players do one or the other.
            (contender, crew) => byNodes && contender != Contender.Surety
                ? []
                : [.. bench.Settings.Nodes.Select(nodes => new Queue(bench, contender, crew, nodes, rate, byNodes))],
            nodesOf: _ => most);
    }

    /// <summary>What the row's nodes cost, and how many times what the same contender's one node does; null for another workload.</summary>
    public static LowRateFigures? Of(Cell cell, Row row)
    {
        if (!Is(cell)) return null;
        var one = cell.Rows.FirstOrDefault(r => r.Contender == RowOf(row.Contender.Split(',')[0], 1)) ?? row;
        double Times(Func<Measured, double> of) => Measuring.Series.MedianOf(row.Rounds.Zip(one.Rounds, (a, b) => of(a) / of(b)));
        return new LowRateFigures(row.Median(m => m.Transactions), Times(m => m.Transactions), Times(m => m.P99));
    }

    private sealed class Queue(Workbench bench, string name, Crew crew, int nodes, int rate, bool byNodes)
        : QueueEntrant(bench, name, crew, RowOf("", nodes))
    {
        // One call under way, so that calls share no commit and their number is that of the enqueueing transactions.
        private const int InFlight = 1;

        private readonly int perCall = rate <= 1_000 ? 1 : 10;
        private Tally handled = new();
        private long enqueued;

        // At such rates compilers need minutes until they are quiet, and a round is not much slower for it.
        public override int MostWarmUps => 2;

        public override Task PrepareAsync(string database) => OpenAsync(database);

        public override async Task<Result> RunAsync(string database)
        {
            await Crew.WorkAsync(On(database, "start"), nodes);
            var first = await PaceAsync(0, (int)Math.Ceiling(Bench.Ramp.TotalSeconds));
            await Crew.ForgetAsync();
            var before = await TransactionsAsync(database);
            var rest = await PaceAsync(first.Count, Bench.Seconds);
            var transactions = await TransactionsAsync(database) - before;
            enqueued = first.Count + rest.Count;
            await Crew.UntilHandledAsync(enqueued, Patience);
            handled = await Crew.RestAsync();
            return new Result(
                enqueued, rest.Count * 1e6 / rest.Micros, handled.WaitedMilliseconds(0.5), handled.WaitedMilliseconds(0.99),
                (transactions - rest.Count / perCall) * 1e6 / rest.Micros);
        }

        public override Task FinishAsync(string database) => CheckAsync(handled, enqueued);

        private async Task<Said> PaceAsync(long first, int seconds)
        {
            var all = new Order("pace") { First = first, Rate = rate, PerCall = perCall, InFlight = InFlight, Seconds = seconds };
            if (!byNodes) return await Crew.Producer.DoAsync(all, "enqueued");
            var share = rate / nodes;
            var said = await Crew.DoAsync(
                place => all with { First = first + ((long)place * share * seconds), Rate = share }, "enqueued");
            return new Said("enqueued") { Count = said.Sum(s => s.Count), Micros = said.Max(s => s.Micros) };
        }

        // Asked in another database, so that asking is not counted. A backend reports its transactions once a second; in a steady load what
        // is missing at the end was missing at the beginning, too.
        private Task<long> TransactionsAsync(string database) => Bench.Server.ScalarAsync<long>(
            "postgres", $"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{database}'");
    }
}

/// <summary>What several nodes cost.</summary>
/// <param name="Transactions">The workers' transactions a second.</param>
/// <param name="TimesTransactions">How many times those of one node.</param>
/// <param name="TimesP99">How many times the slowest hundredth's wait at one node.</param>
internal sealed record LowRateFigures(double Transactions, double TimesTransactions, double TimesP99)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Transactions:N0} transactions/s ({TimesTransactions:0.00} times one node's), p99 {TimesP99:0.00} times one node's");
}
