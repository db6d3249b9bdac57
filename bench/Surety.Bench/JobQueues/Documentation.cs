using Surety.Bench.Measuring;

namespace Surety.Bench.JobQueues;

/// <summary>Copies each workload's newest results into docs/benchmarks.md, between two marks; or only says whether that was done.</summary>
internal static class Documentation
{
    private const string Begin = "<!-- queue results: written by Surety.Bench queue-docs -->";
    private const string End = "<!-- end of queue results -->";

    public static int Run(bool check)
    {
        var path = Path.Combine(Checkout.Folder, "docs", "benchmarks.md");
        var page = File.ReadAllText(path);
        var (begin, end) = (page.IndexOf(Begin, StringComparison.Ordinal), page.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin)
        {
            Console.Error.WriteLine($"docs/benchmarks.md has no \"{Begin}\" before a \"{End}\".");
            return 1;
        }

        var section = Results.OnRecord() is { Count: > 0 } results ? Section(results) : "No run is on record yet.\n";
        var wanted = $"{page[..begin]}{Begin}\n{section}{page[end..]}";
        if (check && page != wanted)
        {
            Console.Error.WriteLine(
                $"docs/benchmarks.md says something else than the newest bench/results/*-queue.json. Run: dotnet run -c Release --project "
                    + $"bench/Surety.Bench -- queue-docs");
            return 1;
        }

        if (!check) File.WriteAllText(path, wanted);
        return 0;
    }

    private static string Section(IReadOnlyList<Results> days) =>
        $"{ResultTables.Targets([.. days.SelectMany(d => d.Cells)])}{string.Concat(days.Select(Day))}";

    private static string Day(Results day) =>
        $"\n{day.Date}: {day.Machine}. Every figure: "
            + $"[bench/results/{day.FileName}](../bench/results/{day.FileName}).\n\n{ResultTables.Summary(day.Cells)}"
            + $"{ResultTables.LowRates(day.Cells)}";
}
