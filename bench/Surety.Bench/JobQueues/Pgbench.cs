using System.Globalization;
using System.Text.RegularExpressions;
using Surety.Bench.Measuring;

namespace Surety.Bench.JobQueues;

/// <summary>What the database can do at most: the statements, without a queue around them.</summary>
internal abstract partial class Pgbench(Workbench bench, string name) : Entrant(name)
{
    private TimeSpan processorTime;

    public override bool WarmsUp => false;

    protected Workbench Bench => bench;

    public override TimeSpan ProcessorTime() => processorTime;

    public override Task FinishAsync(string database) => Task.CompletedTask;

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The script of its kind: of rows, or of a log.</summary>
    protected string Variant(string script) => $"{(Name == Contender.RawLog ? "log" : "rows")}-{script}.sql";

    public static string Script(string name) => Path.Combine(Checkout.Folder, "bench", "queue", "sql", name);

    /// <summary>How many times it says a script ran.</summary>
    protected static long Transactions(string output) =>
        long.Parse(Processed().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);

    protected async Task ScriptAsync(string database, string name) =>
        await bench.Server.ExecuteAsync(database, await File.ReadAllTextAsync(Script(name)));

    protected async Task<string> RunAsync(string database, params string[] arguments)
    {
        var (output, took) = await bench.Server.PgbenchAsync(database, arguments);
        processorTime += took;
        return output;
    }

    [GeneratedRegex(@"number of transactions actually processed: (\d+)")]
    private static partial Regex Processed();
}
