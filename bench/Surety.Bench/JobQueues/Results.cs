using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Surety.Bench.Measuring;

namespace Surety.Bench.JobQueues;

/// <summary>What was measured on a day, kept as JSON for programs and as text for people.</summary>
internal sealed class Results
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
    private readonly string? path;
    private Stored stored;

    private Results(string? path, Stored stored) => (this.path, this.stored) = (path, stored);

    public bool IsKept => path is not null;

    public string Name => Path.GetRelativePath(Environment.CurrentDirectory, path + ".md");

    public string FileName => Path.GetFileName(path) + ".md";

    public IReadOnlyList<Cell> Cells => stored.Cells;

    public string Date => stored.Date;

    public string Machine => stored.Machine;

    private static string Folder => Path.Combine(Checkout.Folder, "bench", "results");

    /// <summary>
    /// Of a run that begins. A whole one replaces the day's results on this machine, a part goes among them when that was asked for.
    /// Another machine of the same day has a file of its own.
    /// </summary>
    public static Results Of(string machine, Settings settings)
    {
        var date = TimeProvider.System.GetLocalNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var paths = Enumerable.Range(1, int.MaxValue).Select(
            n => Path.Combine(Folder, n == 1 ? $"{date}-queue" : string.Create(CultureInfo.InvariantCulture, $"{date}.{n}-queue")));
        var path = paths.First(p => !File.Exists(p + ".json") || Processor(Read(p).Machine) == Processor(machine));
        var kept = !settings.Quick && (settings.IsWhole || settings.Keep) ? path : null;
        var cells = kept is not null && !settings.IsWhole && File.Exists(path + ".json") ? Read(path).Cells : [];
        return new Results(kept, new Stored(date, machine, cells));
    }

    /// <summary>All that is on record, newest first: each workload as it was run last, with every number of nodes of that day.</summary>
    public static IReadOnlyList<Results> OnRecord()
    {
        var found = new List<Results>();
        foreach (var file in Directory.GetFiles(Folder, "*-queue.json").OrderDescending(StringComparer.Ordinal))
        {
            var stored = Read(file[..^5]);
            Cell[] cells = [.. stored.Cells.Where(c => !found.Any(f => f.Cells.Any(other => other.Name == c.Name)))];
            if (cells.Length > 0) found.Add(new Results(file[..^5], stored with { Cells = cells }));
        }

        return found;
    }

    public void Add(Cell cell)
    {
        stored = stored with { Cells = [.. stored.Cells.Where(c => c.Name != cell.Name || c.Nodes != cell.Nodes), cell] };
        if (path is null) return;
        File.WriteAllText(path + ".json", JsonSerializer.Serialize(stored, Json) + "\n");
        File.WriteAllText(path + ".md", Text());
    }

    // What a machine is called first; how fast its disk is differs a little each time.
    private static string Processor(string machine) => machine.Split(',')[0];

    private string Text()
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"# Job queues on PostgreSQL, {Date}\n\n{Machine}. Stock durable settings, unix socket, the server and all processes on this "
                + $"machine.\n\n{ResultTables.Legend}\n\n{ResultTables.Targets(Cells)}\n");
        foreach (var cell in Cells)
            text.Append(
                CultureInfo.InvariantCulture,
                $"\n## {ResultTables.Title(cell)}\n\nLoad average at the end: "
                    + $"{cell.Load}.\n\n{ResultTables.Full(cell)}{ResultTables.LowRates([cell])}");
        return text.ToString();
    }

    private static Stored Read(string path) => JsonSerializer.Deserialize<Stored>(File.ReadAllText(path + ".json"), Json)!;

    private sealed record Stored(string Date, string Machine, IReadOnlyList<Cell> Cells);
}
