using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>Job queues on one PostgreSQL: the statements alone, Surety, and its peers.</summary>
internal static class JobQueueBenchmark
{
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        Settings settings;
        try
        {
            settings = Settings.Parse(arguments);
        }
        catch (FormatException e)
        {
            Console.Error.WriteLine($"{e.Message}\nusage: {Settings.Usage}");
            return 2;
        }

        if (settings.Against.Any(a => a is "graphile" or "pgboss")) await Peers.InstallAsync();
        await using var server = await PrivateServer.StartAsync();
        var bench = new Workbench(server, settings);
        var cells = new List<Cell>();
        foreach (var nodes in settings.Nodes)
        {
            if (settings.Wants("drain")) Show(await Drain.MeasureAsync(bench, nodes));
            if (settings.Wants("sustained")) Show(await Sustained.MeasureAsync(bench, nodes));
        }

        if (settings.Quick) Console.WriteLine("quick run: everything works; no figure of it counts");
        return 0;

        void Show(Cell cell)
        {
            cells.Add(cell);
            foreach (var row in cell.Rows) Console.WriteLine(LineOf(cell, row));
        }
    }

    private static string LineOf(Cell cell, Row row) => string.Create(CultureInfo.InvariantCulture, $"{cell.Name,-12} {cell.Nodes} nodes  {row.Contender,-9} {row.Median(m => m.Rate),9:N0}/s ({row.Rounds.Min(m => m.Rate):N0}-{row.Rounds.Max(m => m.Rate):N0})  surety/this {cell.Ratio(Contender.Surety, row.Contender):0.00}  WAL {row.Median(m => m.Wal),6:N0} B  commits {row.Median(m => m.Commits):0.000} (writing {row.Median(m => m.Writes):0.000})  statements {row.Median(m => m.Statements):0.000}  µs client {row.Median(m => m.ClientMicroseconds):0.0} server {row.Median(m => m.ServerMicroseconds):0.0}");
}
