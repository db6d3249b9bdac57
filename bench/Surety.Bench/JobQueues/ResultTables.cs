using System.Globalization;
using System.Text;

namespace Surety.Bench.JobQueues;

/// <summary>The same figures, as tables for people.</summary>
internal static class ResultTables
{
    public const string Legend =
        "Rates are medians of interleaved rounds with the least and the most; a ratio is Surety's rate by the other's, the median of the "
            + "rounds' own ratios. Bytes of write-ahead log, commits, statements and microseconds of processor time are a job's share; "
        + "statements were counted in a warm-up round. `pgbench` and `pgbench-log` are the least statements that do the work, with no "
        + "queue around them: rows that are claimed and deleted, or only appended to. `npgsql` is a bare insert, or the effect and its "
        + "receipt in one transaction, through the driver that Surety uses. Every job was checked to have been handled exactly once and "
        + "settled.";

    public static string Title(Cell cell) => cell.Nodes == 0
        ? cell.Name : string.Create(CultureInfo.InvariantCulture, $"{cell.Name}, {cell.Nodes} {(cell.Nodes == 1 ? "node" : "nodes")}");

    /// <summary>Everything of one cell.</summary>
    public static string Full(Cell cell)
    {
        var text = new StringBuilder(
            "| | jobs/s | Surety's ratio to it | p50 ms | p99 ms | WAL B | commits (writing) | statements | µs client | µs server "
                + "|\n|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var row in cell.Rows)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.Contender} | {Rate(row)} | {cell.Ratio(Contender.Surety, row.Contender):0.00} | "
                    + $"{Number(row.Median(m => m.P50), "0.0")} | {Number(row.Median(m => m.P99), "0.0")} | {row.Median(m => m.Wal):N0} ");
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.Median(m => m.Commits):0.000} ({row.Median(m => m.Writes):0.000}) | "
                    + $"{Number(row.Median(m => m.Statements), "0.000")} | {row.Median(m => m.ClientMicroseconds):0.0} | "
                    + $"{row.Median(m => m.ServerMicroseconds):0.0} |\n");
        }

        return text.ToString();
    }

    /// <summary>One line a cell: Surety, and its ratio to each of the others.</summary>
    public static string Summary(IReadOnlyList<Cell> cells)
    {
        if (!cells.Any(c => c.Rows.Any(r => r.Contender == Contender.Surety))) return "";
        var text = new StringBuilder(
            "| | Surety, jobs/s | to pgbench | to pgbench-log | to npgsql | to graphile-worker | to pg-boss | to itself at ease | p50 / "
                + "p99 ms | WAL B a job | commits a job |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var cell in cells)
        {
            if (cell.Rows.FirstOrDefault(r => r.Contender == Contender.Surety) is not { } row) continue;
            string To(string other) =>
                cell.Ratio(Contender.Surety, other) is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "";
            var waits = double.IsNaN(row.Median(m => m.P50))
                ? "" : string.Create(CultureInfo.InvariantCulture, $"{row.Median(m => m.P50):0.0} / {row.Median(m => m.P99):0.0}");
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {Title(cell)} | {Rate(row)} | {To(Contender.Raw)} | {To(Contender.RawLog)} | {To(Contender.Driver)} | "
                    + $"{(IsPaced(cell) ? "" : To("graphile"))} | {(IsPaced(cell) ? "" : To("pgboss"))} | {To("surety at ease")} | {waits} "
                    + $"| {row.Median(m => m.Wal):N0} | {row.Median(m => m.Commits):0.000} |\n");
        }

        return text.ToString();
    }

    /// <summary>Several nodes at a low rate by one; empty when that was not run.</summary>
    public static string LowRates(IReadOnlyList<Cell> cells)
    {
        if (!cells.Any(LowRate.Is)) return "";
        var text = new StringBuilder(
            "\n| | | transactions/s | by one node's | p50 / p99 ms | p99 by one node's |\n|---|---|---|---|---|---|\n");
        foreach (var cell in cells)
        {
            foreach (var row in cell.Rows)
            {
                if (LowRate.Of(cell, row) is not { } low) continue;
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {cell.Name} | {row.Contender} | {low.Transactions:N0} | {low.TimesTransactions:0.00} ");
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {row.Median(m => m.P50):0.0} / {row.Median(m => m.P99):0.0} | {low.TimesP99:0.00} |\n");
            }
        }

        return text.ToString();
    }

    /// <summary>What was aimed at, and what came out; lines whose cells were not run are left out.</summary>
    public static string Targets(IReadOnlyList<Cell> cells)
    {
        var aims = new Aims();
        foreach (var cell in cells.Where(c => c.Name.StartsWith("enqueue, 16", StringComparison.Ordinal)))
        {
            aims.AtLeast($"{cell.Name}: of bare inserts by pgbench", 0.85, cell.Ratio(Contender.Surety, Contender.Raw));
            aims.AtLeast($"{cell.Name}: of bare inserts through the same driver", 0.85, cell.Ratio(Contender.Surety, Contender.Driver));
        }

        AddSustained(aims, cells);
        AddDrains(aims, cells);
        foreach (var cell in cells.Where(c => c.Name == "transactional"))
        {
            aims.AtLeast($"{Title(cell)}: of effect and receipt by pgbench", 0.8, cell.Ratio(Contender.Surety, Contender.Raw));
            var byDriver = cell.Ratio(Contender.Surety, Contender.Driver);
            aims.AtLeast($"{Title(cell)}: of effect and receipt through the same driver", 0.8, byDriver);
        }

        foreach (var (cell, row) in OfSurety(cells, "latency at 2,000/s"))
        {
            aims.AtMost($"{Title(cell)}: p50, ms", 5, row.Median(m => m.P50));
            aims.AtMost($"{Title(cell)}: p99, ms", 25, row.Median(m => m.P99));
        }

        foreach (var cell in cells.Where(LowRate.Is))
        {
            foreach (var row in cell.Rows.Where(r => r.Contender.StartsWith(Contender.Surety, StringComparison.Ordinal)))
            {
                if (row.Contender == LowRate.RowOf(Contender.Surety, 1) || LowRate.Of(cell, row) is not { } low) continue;
                aims.AtMost($"{cell.Name}: {row.Contender}, transactions by one node's", 2, low.TimesTransactions);
                aims.AtMost($"{cell.Name}: {row.Contender}, p99 by one node's", 2, low.TimesP99);
            }
        }

        foreach (var pressure in Pressure.All.Where(p => p.Handler == "none"))
            foreach (var cell in cells.Where(c => c.Name == pressure.Name))
                aims.AtLeast($"{Title(cell)}: of the same at ease", 0.9, cell.Ratio(Contender.Surety, "surety at ease"));
        return aims.Text;
    }

    private static void AddSustained(Aims aims, IReadOnlyList<Cell> cells)
    {
        var best = Best(cells, "sustained", Contender.Surety) / Best(cells, "sustained", "graphile");
        aims.AtLeast("sustained: its best number of nodes by graphile-worker's best", 3, best);
        var two = cells.FirstOrDefault(c => c.Name == "sustained" && c.Nodes == 2);
        aims.AtLeast("sustained, two nodes: graphile-worker", 3, two?.Ratio(Contender.Surety, "graphile"));
        aims.AtLeast("sustained, two nodes: pg-boss", 3.5, two?.Ratio(Contender.Surety, "pgboss"));
        aims.AtLeast("sustained, two nodes: the statements alone, appending", 0.4, two?.Ratio(Contender.Surety, Contender.RawLog));
    }

    private static void AddDrains(Aims aims, IReadOnlyList<Cell> cells)
    {
        var best = Best(cells, "drain", Contender.Surety) / Best(cells, "drain", "graphile");
        aims.AtLeast("drain: its best number of nodes by graphile-worker's best", 1.25, best);
        foreach (var (cell, row) in OfSurety(cells, "drain"))
        {
            aims.AtMost($"{Title(cell)}: WAL of claim and settle, bytes a job", 500, row.Median(m => m.Wal));
            aims.AtMost($"{Title(cell)}: commits a job", 0.1, row.Median(m => m.Commits));
        }
    }

    private static double? Best(IReadOnlyList<Cell> cells, string name, string contender) => cells.Where(c => c.Name == name)
        .SelectMany(c => c.Rows).Where(r => r.Contender == contender).Select(r => (double?)r.Median(m => m.Rate)).Max();

    private static IEnumerable<(Cell Cell, Row Row)> OfSurety(IReadOnlyList<Cell> cells, string name) =>
        from cell in cells where cell.Name == name
        from row in cell.Rows.Where(r => r.Contender == Contender.Surety).Take(1)
        select (cell, row);

    /// <summary>The table of aims, line by line.</summary>
    private sealed class Aims
    {
        private readonly StringBuilder text = new("| aim | wanted | measured | |\n|---|---|---|---|\n");

        public string Text => text.ToString();

        public void AtLeast(string aim, double wanted, double? measured) => Add(aim, $"≥ {Plain(wanted)}", measured, measured >= wanted);

        public void AtMost(string aim, double wanted, double? measured) => Add(aim, $"≤ {Plain(wanted)}", measured, measured <= wanted);

        private void Add(string aim, string wanted, double? measured, bool met)
        {
            if (measured is { } value)
                text.Append(CultureInfo.InvariantCulture, $"| {aim} | {wanted} | {value:0.00#} | {(met ? "met" : "**missed**")} |\n");
        }

        private static string Plain(double wanted) => wanted.ToString("0.##", CultureInfo.InvariantCulture);
    }

    // Everybody is sent the same, or his own share: the rate says nothing.
    private static bool IsPaced(Cell cell) => cell.Name.StartsWith("latency", StringComparison.Ordinal);

    private static string Rate(Row row) => string.Create(
        CultureInfo.InvariantCulture, $"{row.Median(m => m.Rate):N0} ({row.Rounds.Min(m => m.Rate):N0}–{row.Rounds.Max(m => m.Rate):N0})");

    private static string Number(double value, string format) =>
        double.IsNaN(value) ? "" : value.ToString(format, CultureInfo.InvariantCulture);
}
