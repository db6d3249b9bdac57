using System.Globalization;
using System.Net.Http.Json;
using Surety.Bench.Measuring;

namespace Surety.Bench.Commands;

/// <summary>POST /transfers with an idempotency key: Surety's endpoint against a bare one that does the same SQL. Both servers live all the time, in processes of their own; a third presses them in turns.</summary>
internal static class CommandBenchmark
{
    private const int Connections = 32;

    public static async Task RunAsync(Report report, bool quick)
    {
        var (rounds, seconds) = quick ? (1, 0.5) : (9, 3.0);
        var folder = Directory.CreateTempSubdirectory("surety-bench-").FullName;
        try
        {
            await using var load = Child.Start(false, "load", Connections.ToString(CultureInfo.InvariantCulture));
            await using var bare = Child.Start(true, "serve", "bare", folder);
            await using var surety = Child.Start(true, "serve", "surety", folder);
            var (bareUrl, suretyUrl) = (await bare.LineAsync(), await surety.LineAsync());

            var (bares, suretys) = (new List<Pressed>(), new List<Pressed>());
            bares.Add(await PressAsync(load, bare, bareUrl, seconds));
            suretys.Add(await PressAsync(load, surety, suretyUrl, seconds));
            for (var round = 0; round < rounds; round++)
            {
                if (round % 2 == 0) bares.Add(await PressAsync(load, bare, bareUrl, seconds));
                suretys.Add(await PressAsync(load, surety, suretyUrl, seconds));
                if (round % 2 != 0) bares.Add(await PressAsync(load, bare, bareUrl, seconds));
            }

            await CheckAsync(bareUrl, bares.Sum(p => p.Count));
            await CheckAsync(suretyUrl, suretys.Sum(p => p.Count));

            // The first round of each warmed it up.
            bares.RemoveAt(0);
            suretys.RemoveAt(0);
            report.Add(new Comparison(
                $"POST /transfers, {Connections} connections", "requests", Of(bares), Of(suretys), [.. suretys.Zip(bares, (s, b) => s.Rate / b.Rate)], 0.7,
                string.Create(CultureInfo.InvariantCulture, $"latency by hand p50 {Series.MedianOf(bares.Select(p => p.P50)):0.0} ms, p99 {Series.MedianOf(bares.Select(p => p.P99)):0.0} ms; Surety p50 {Series.MedianOf(suretys.Select(p => p.P50)):0.0} ms, p99 {Series.MedianOf(suretys.Select(p => p.P99)):0.0} ms")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Series Of(List<Pressed> rounds) => Series.Of([.. rounds.Select(p => new Sample(p.Rate, p.CpuMicroseconds, p.AllocatedBytes))]);

    private static async Task<Pressed> PressAsync(Child load, Child server, string url, double seconds)
    {
        var before = await SpentAsync(server);
        await load.SayAsync(string.Create(CultureInfo.InvariantCulture, $"{url} {seconds}"));
        var answer = Numbers(await load.LineAsync());
        var after = await SpentAsync(server);
        return new Pressed((long)answer[0], answer[0] / answer[1], answer[2], answer[3], (after[0] - before[0]) / answer[0], (after[1] - before[1]) / answer[0]);
    }

    /// <summary>The server's processor time in microseconds, and the bytes it allocated.</summary>
    private static async Task<double[]> SpentAsync(Child server)
    {
        await server.SayAsync("spent");
        return Numbers(await server.LineAsync());
    }

    private static double[] Numbers(string line) => [.. line.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];

    /// <summary>Every accepted request is one transfer and two entries, and no money came or went.</summary>
    private static async Task CheckAsync(string url, long accepted)
    {
        using var client = new HttpClient();
        var audit = await client.GetFromJsonAsync<long[]>($"{url}/audit");
        if (audit is not [var transfers, var entries, 0, 1_000_000_000L * Ledger.Accounts] || transfers != accepted || entries != 2 * accepted)
            throw new InvalidOperationException($"{accepted} accepted, but the audit of {url} says {string.Join(", ", audit ?? [])}.");
    }

    private sealed record Pressed(long Count, double Rate, double P50, double P99, double CpuMicroseconds, double AllocatedBytes);
}
