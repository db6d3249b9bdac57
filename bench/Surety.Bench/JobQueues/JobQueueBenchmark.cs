using System.Diagnostics;
using System.Globalization;
using Surety.Bench.Measuring;

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
        var machine = Machine.Describe(
            $"PostgreSQL {await server.ScalarAsync<string>("postgres", "SHOW server_version")}, {Peers.Versions()}");
        Console.WriteLine(machine);
        var results = Results.Of(machine, settings);
        await foreach (var cell in CellsAsync(new Workbench(server, settings), settings))
        {
            foreach (var row in cell.Rows) Console.WriteLine(LineOf(cell, row));
            // At once: what is measured is not lost when a later cell fails.
            results.Add(cell);
        }

        if (settings.Quick) Console.WriteLine("quick run: everything works; no figure of it counts");
        else if (results.IsKept) Console.WriteLine($"written to {results.Name}; \"queue-docs\" brings docs/benchmarks.md up to date");
        else Console.WriteLine("part of a run: not kept (--keep)");
        return 0;
    }

    private static async IAsyncEnumerable<Cell> CellsAsync(Workbench bench, Settings settings)
    {
        foreach (var connections in (int[])[1, 4, 16])
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"enqueue, {connections} connections");
            if (settings.Wants(name)) yield return await Enqueue.MeasureAsync(bench, name, 1, connections);
        }

        if (settings.Wants("enqueue, 100 a call")) yield return await Enqueue.MeasureAsync(bench, "enqueue, 100 a call", 100, 4);
        await foreach (var cell in SlowSyncAsync(settings)) yield return cell;

        var sustained = new Dictionary<int, Cell>();
        foreach (var nodes in settings.Nodes)
        {
            if (settings.Wants("drain")) yield return await Drain.MeasureAsync(bench, nodes);
            if (settings.Wants("sustained")) yield return sustained[nodes] = await Sustained.MeasureAsync(bench, nodes);
            if (settings.Wants("transactional")) yield return await Transactional.MeasureAsync(bench, nodes);
            if (settings.Wants("latency at 2,000/s"))
                yield return await Latency.MeasureAsync(bench, "latency at 2,000/s", nodes, _ => settings.Quick ? 200 : 2_000);
        }

        var few = settings.Nodes[0];
        foreach (var percent in (int[])[20, 50, 80])
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"latency at {percent} % of its peak");
            if (!settings.Wants(name)) continue;
            if (!sustained.TryGetValue(few, out var peak)) yield return sustained[few] = peak = await Sustained.MeasureAsync(bench, few);
            yield return await Latency.MeasureAsync(bench, name, few, contender => peak.Rows.FirstOrDefault(
                r => r.Contender == contender) is { } row ? Math.Max(100, (long)row.Median(m => m.Rate) * percent / 100) : null);
        }

        foreach (var byNodes in (bool[])[false, true])
        {
            foreach (var rate in LowRate.Rates)
            {
                if (settings.Wants(LowRate.NameOf(rate, byNodes))) yield return await LowRate.MeasureAsync(bench, rate, byNodes);
            }
        }

        foreach (var pressure in Pressure.All)
        {
            if (settings.Wants($"pressure: {pressure.Name}")) yield return await Sustained.MeasureAsync(bench, few, pressure);
        }
    }

    /// <summary>On a server of its own, each of whose syncs takes a millisecond longer.</summary>
    private static async IAsyncEnumerable<Cell> SlowSyncAsync(Settings settings)
    {
        int[] connections = [1, 4, 16];
        string NameOf(int many) => string.Create(CultureInfo.InvariantCulture, $"enqueue, {many} connections, sync 1 ms slower");
        if (!connections.Any(c => settings.Wants(NameOf(c)))) yield break;

        var folder = Directory.CreateTempSubdirectory("surety-slow-sync-");
        try
        {
            var library = Path.Combine(folder.FullName, "slow-sync.so");
            await CompileAsync(Path.Combine(Checkout.Folder, "bench", "queue", "slow-sync.c"), library);
            if (!OperatingSystem.IsWindows()) folder.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
            await using var server = await PrivateServer.StartAsync(library);
            var bench = new Workbench(server, settings);
            foreach (var many in connections)
            {
                if (settings.Wants(NameOf(many))) yield return await Enqueue.MeasureAsync(bench, NameOf(many), 1, many);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task CompileAsync(string source, string library)
    {
        using var compiler = Process.Start(new ProcessStartInfo(
            "cc", ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]) { RedirectStandardError = true, UseShellExecute = false })!;
        var errors = await compiler.StandardError.ReadToEndAsync();
        await compiler.WaitForExitAsync();
        if (compiler.ExitCode != 0) throw new InvalidOperationException($"{source} was not compiled: {errors}");
    }

    private static string LineOf(Cell cell, Row row)
    {
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{cell.Name,-36} {cell.Nodes} nodes  {row.Contender,-16} {row.Median(m => m.Rate),9:N0}/s "
                + $"({row.Rounds.Min(m => m.Rate):N0}-{row.Rounds.Max(m => m.Rate):N0})  surety/this "
                + $"{cell.Ratio(Contender.Surety, row.Contender):0.00}");
        if (row.Rounds.Any(r => !double.IsNaN(r.P50)))
            line += string.Create(
                CultureInfo.InvariantCulture, $"  p50 {row.Median(m => m.P50):0.0} ms p99 {row.Median(m => m.P99):0.0} ms");
        if (LowRate.Of(cell, row) is { } low) line += $"  {low}";
        return line + string.Create(
            CultureInfo.InvariantCulture,
            $"  WAL {row.Median(m => m.Wal),6:N0} B  commits {row.Median(m => m.Commits):0.000} (writing "
                + $"{row.Median(m => m.Writes):0.000})  statements {row.Median(m => m.Statements):0.000}  µs client "
                + $"{row.Median(m => m.ClientMicroseconds):0.0} server {row.Median(m => m.ServerMicroseconds):0.0}");
    }
}
