using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Surety.Bench.Measuring;

/// <summary>What was measured: shown while it runs, and kept as text for people and JSON for programs.</summary>
internal sealed class Report(string database, string machine, bool quick)
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };
    private readonly List<Comparison> comparisons = [];
    private readonly List<Figure> figures = [];

    public string Machine => machine;

    public void Add(Comparison comparison)
    {
        comparisons.Add(comparison);
        Console.WriteLine(Line(comparison));
    }

    public void Add(Figure figure)
    {
        figures.Add(figure);
        Console.WriteLine(Line(figure));
    }

    /// <summary>Writes both files into bench/results and returns the name of the one for people.</summary>
    public string Write(string what)
    {
        if (quick) throw new InvalidOperationException("The figures of a quick run are not kept.");
        var folder = Path.Combine(Checkout.Folder, "bench", "results");
        Directory.CreateDirectory(folder);
        var slug = database.ToLowerInvariant();
        var date = TimeProvider.System.GetLocalNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var name = Path.Combine(folder, what == "all" ? $"{date}-{slug}" : $"{date}-{slug}-{what}");
        File.WriteAllText(name + ".md", Text(date));
        File.WriteAllText(name + ".json", JsonSerializer.Serialize(
            new { date, machine, load = Measuring.Machine.Load(), comparisons, figures }, Json) + "\n");
        return Path.GetRelativePath(Environment.CurrentDirectory, name + ".md");
    }

    private string Text(string date)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture, $"# {database}, {date}\n\n{machine}. Load average at the end: {Measuring.Machine.Load()}.\n\n");
        if (IsBusy())
            text.Append(
                "**The machine was busy.** That favours Surety's several threads over the single one of the hand-written queue: go by the "
                    + "best rounds and the processor time, or repeat this elsewhere.\n\n");
        if (comparisons.Count > 0)
        {
            text.Append(
                "Rates are medians of interleaved rounds with the least and the most; the ratio is the median of the rounds' own ratios; "
                    + "\"best\" divides the two best rounds, those that others disturbed least. Processor time and allocations are a "
                    + "unit's, hand-written / Surety.\n\n");
            text.Append(
                "| | unit | hand-written a second | Surety a second | ratio | best | target | µs of processor | bytes allocated "
                    + "|\n|---|---|---|---|---|---|---|---|---|\n");
            foreach (var c in comparisons)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {c.Name}{(c.Note.Length > 0 ? $" ({c.Note})" : "")} | {c.Unit} | {Of(c.Hand)} | {Of(c.Surety)} | "
                        + $"**{c.Ratio:0.00}** ({c.Ratios.Min():0.00}–{c.Ratios.Max():0.00}) | {c.BestRatio:0.00} ");
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {(c.Target is { } target ? $"≥ {target:0.0}" : "")} | "
                        + $"{Pair(c.Hand.CpuMicroseconds, c.Surety.CpuMicroseconds, "0.0")} | "
                        + $"{Pair(c.Hand.AllocatedBytes, c.Surety.AllocatedBytes, "0")} |\n");
            }

            text.Append('\n');
        }

        foreach (var figure in figures) text.Append(CultureInfo.InvariantCulture, $"- {Line(figure)}\n");
        return text.ToString();
    }

    private static string Of(Series series) =>
        string.Create(CultureInfo.InvariantCulture, $"{series.Median:N0} ({series.Least:N0}–{series.Most:N0})");

    private static string Pair(double hand, double surety, string format) =>
        surety == 0
            ? "" : $"{hand.ToString(format, CultureInfo.InvariantCulture)} / {surety.ToString(format, CultureInfo.InvariantCulture)}";

    private static string Line(Comparison c) => string.Create(
        CultureInfo.InvariantCulture,
        $"{c.Name}: hand-written {Of(c.Hand)}, Surety {Of(c.Surety)} {c.Unit}/s, ratio {c.Ratio:0.00} "
            + $"({c.Ratios.Min():0.00}–{c.Ratios.Max():0.00}), of the best rounds {c.BestRatio:0.00}; µs "
            + $"{Pair(c.Hand.CpuMicroseconds, c.Surety.CpuMicroseconds, "0.0")}; bytes "
            + $"{Pair(c.Hand.AllocatedBytes, c.Surety.AllocatedBytes, "0")}");

    private static string Line(Figure f) =>
        string.Create(
        CultureInfo.InvariantCulture,
        $"{f.Name}: {f.Value:0.##} "
            + $"{f.Unit}{(f.Target is { } target ? $" (target: {target})" : "")}{(f.Note.Length > 0 ? $"; {f.Note}" : "")}");

    /// <summary>
    /// Where runnable threads wait for a core, a contender with one thread waits with all of its work, one with several only with a part.
    /// </summary>
    private static bool IsBusy() =>
        double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) > 2 * Environment.ProcessorCount;
}

/// <summary>One number that has nothing to be compared with.</summary>
internal sealed record Figure(string Name, double Value, string Unit, string? Target = null, string Note = "");
