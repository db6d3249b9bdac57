using System.Globalization;
using System.Net.Http.Json;
using Surety.Bench.JobQueues;
using Surety.Bench.Measuring;

namespace Surety.Bench.Commands;

/// <summary>
/// POST /transfers: Surety's endpoint against a bare one that does the same SQL. Both servers live all the time, in processes of their own;
/// a third presses them in turns.
/// </summary>
internal static class CommandBenchmark
{
    private const int Connections = 32;

    /// <summary>With an idempotency key on either side, by hand and Surety's.</summary>
    public static async Task RunAsync(Report report, bool quick)
    {
        var folder = Directory.CreateTempSubdirectory("surety-bench-").FullName;
        try
        {
            await CompareAsync(report, quick, $"POST /transfers, {Connections} connections", "serve", folder, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// On PostgreSQL, with all that the edge does on one side and nothing of it on the other: no validation, authentication, limits,
    /// idempotency or telemetry.
    /// </summary>
    public static async Task RunEdgeAsync(Report report, bool quick)
    {
        await using var server = await PrivateServer.StartAsync();
        foreach (var database in (string[])["bare", "surety"]) await server.ExecuteAsync("postgres", $"CREATE DATABASE {database}");
        await CompareAsync(
            report, quick, $"POST /transfers on PostgreSQL with everything on, {Connections} connections", "serve-edge", Address(
            "bare"), Address("surety"));

        // A connection for each client, so that nobody waits for one.
        string Address(string database) => server.ConnectionString(database) + ";Maximum Pool Size=50";
    }

    private static async Task CompareAsync(Report report, bool quick, string name, string role, string bareStore, string suretyStore)
    {
        var (warmUps, rounds, seconds) = quick ? (1, 1, 0.5) : (6, 9, 3.0);
        await using var load = Child.Start(false, "load", Connections.ToString(CultureInfo.InvariantCulture));
        await using var bare = Child.Start(true, role, "bare", bareStore);
        await using var surety = Child.Start(true, role, "surety", suretyStore);
        var (bareAt, suretyAt) = (await bare.LineAsync(), await surety.LineAsync());

        var (bares, suretys) = (new List<Pressed>(), new List<Pressed>());
        // On two cores, which the database and the load want too, the compiler takes that long to have done with either of them.
        for (var round = 0; round < warmUps; round++)
        {
            bares.Add(await PressAsync(load, bare, bareAt, seconds));
            suretys.Add(await PressAsync(load, surety, suretyAt, seconds));
        }

        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0) bares.Add(await PressAsync(load, bare, bareAt, seconds));
            suretys.Add(await PressAsync(load, surety, suretyAt, seconds));
            if (round % 2 != 0) bares.Add(await PressAsync(load, bare, bareAt, seconds));
        }

        await CheckAsync(bareAt, bares.Sum(p => p.Count));
        await CheckAsync(suretyAt, suretys.Sum(p => p.Count));

        bares.RemoveRange(0, warmUps);
        suretys.RemoveRange(0, warmUps);
        report.Add(new Comparison(
            name, "requests", Of(bares), Of(suretys), [.. suretys.Zip(bares, (s, b) => s.Rate / b.Rate)], 0.7,
            string.Create(
                CultureInfo.InvariantCulture,
                $"latency by hand p50 {Series.MedianOf(bares.Select(p => p.P50)):0.0} ms, p99 "
                    + $"{Series.MedianOf(bares.Select(p => p.P99)):0.0} ms; Surety p50 {Series.MedianOf(suretys.Select(p => p.P50)):0.0} "
                    + $"ms, p99 {Series.MedianOf(suretys.Select(p => p.P99)):0.0} ms")));
    }

    private static Series Of(List<Pressed> rounds) =>
        Series.Of([.. rounds.Select(p => new Sample(p.Rate, p.CpuMicroseconds, p.AllocatedBytes))]);

    private static async Task<Pressed> PressAsync(Child load, Child server, string at, double seconds)
    {
        var before = await SpentAsync(server);
        await load.SayAsync(string.Create(CultureInfo.InvariantCulture, $"{at} {seconds}"));
        var answer = Numbers(await load.LineAsync());
        var after = await SpentAsync(server);
        return new Pressed(
            (long)answer[0], answer[0] / answer[1], answer[2], answer[3],
            (after[0] - before[0]) / answer[0], (after[1] - before[1]) / answer[0]);
    }

    /// <summary>The server's processor time in microseconds, and the bytes it allocated.</summary>
    private static async Task<double[]> SpentAsync(Child server)
    {
        await server.SayAsync("spent");
        return Numbers(await server.LineAsync());
    }

    private static double[] Numbers(string line) => [.. line.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];

    /// <summary>Every accepted request is one transfer and two entries, and no money came or went.</summary>
    private static async Task CheckAsync(string at, long accepted)
    {
        using var client = new HttpClient();
        var url = at.Split(' ')[0];
        var audit = await client.GetFromJsonAsync<long[]>($"{url}/audit");
        if (audit is not [var transfers, var entries, 0, 1_000_000_000L * Ledger.Accounts]
            || transfers != accepted || entries != 2 * accepted)
            throw new InvalidOperationException($"{accepted} accepted, but the audit of {url} says {string.Join(", ", audit ?? [])}.");
    }

    private sealed record Pressed(long Count, double Rate, double P50, double P99, double CpuMicroseconds, double AllocatedBytes);
}
