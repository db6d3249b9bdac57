using System.Globalization;
using Microsoft.Extensions.Hosting;
using Surety.Bench.Measuring;
using Surety.Bench.Queues;

namespace Surety.Bench;

/// <summary>What a host costs that has nothing to do.</summary>
internal static class Idle
{
    public static async Task MeasureAsync(Report report, bool quick)
    {
        var seconds = quick ? 1 : 30;
        var folder = Directory.CreateTempSubdirectory("surety-bench-").FullName;
        try
        {
            await using var idle = Child.Start(false, "idle-child", folder, seconds.ToString(CultureInfo.InvariantCulture));
            report.Add(
                new Figure(
                "Idle host", double.Parse(await idle.LineAsync(), CultureInfo.InvariantCulture) * 100,
                "% of one core", "below 1", $"3 queues, over {seconds} s, {Settling(seconds)} s after its start"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// The runtime compiles what it has seen run often once more, in the first half minute. That is a start's cost, not an idle host's.
    /// </summary>
    private static int Settling(int seconds) => seconds < 5 ? 0 : 30;

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = int.Parse(args[1], CultureInfo.InvariantCulture);
        using var host = await SuretySide.StartAsync(
            args[0], s => s.Handle<Posted, CountEach>("first").Queue("second", _ => { }).Queue("third", _ => { }));
        await Task.Delay(TimeSpan.FromSeconds(Settling(seconds)));
        var before = Environment.CpuUsage.TotalTime;
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var used = Environment.CpuUsage.TotalTime - before;
        await host.StopAsync();
        Console.WriteLine((used.TotalSeconds / seconds).ToString(CultureInfo.InvariantCulture));
        return 0;
    }
}
