using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Surety.Bench.Measuring;
using Surety.Bench.Queues;

namespace Surety.Bench;

/// <summary>A backlog worked off by one fresh process: how fast, and in how much memory.</summary>
internal static class Drain
{
    public static async Task MeasureAsync(Report report, bool quick)
    {
        var count = quick ? 2_000 : 1_000_000;
        foreach (var serverCollector in (bool[])[false, true])
        {
            var folder = Directory.CreateTempSubdirectory("surety-bench-").FullName;
            try
            {
                await using (var fill = Child.Start(
                    false, "fill", folder, count.ToString(CultureInfo.InvariantCulture))) await fill.LineAsync();
                await using var drain = Child.Start(serverCollector, "drain-child", folder, count.ToString(CultureInfo.InvariantCulture));
                var answer = (await drain.LineAsync()).Split(' ');
                var collector = serverCollector ? "server collector" : "workstation collector";
                report.Add(
                    new Figure(
                    $"Drain of {count:N0} queued messages", double.Parse(answer[0], CultureInfo.InvariantCulture),
                    "messages/s", null, $"one handler call a message, {collector}, start of the host included"));
                report.Add(
                    new Figure($"Most memory resident during that drain", double.Parse(
                    answer[1], CultureInfo.InvariantCulture) / (1 << 20), "MiB", "below 300", $"VmHWM of the process, {collector}"));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Another process enqueues, so that its memory is not counted.</summary>
    public static async Task<int> FillAsync(string[] args)
    {
        var count = int.Parse(args[1], CultureInfo.InvariantCulture);
        using var host = await SuretySide.StartAsync(args[0], s => s.Configure(o => o.Work = false));
        var queue = host.Services.GetRequiredService<IQueue>();
        for (var i = 0; i < count; i += 1_000)
            await queue.EnqueueAsync(Array.ConvertAll(
                Posted.Batch(i, Math.Min(1_000, count - i)), static m => new Envelope(m, new EnqueueOptions { Queue = "default" })));
        await host.StopAsync();
        Console.WriteLine("filled");
        return 0;
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var count = int.Parse(args[1], CultureInfo.InvariantCulture);
        var began = Stopwatch.GetTimestamp();
        using var host = await SuretySide.StartAsync(args[0], s => s.Handle<Posted, CountEach>());
        await host.Services.GetRequiredService<Handled>().UntilAsync(count);
        await host.StopAsync();
        var took = Stopwatch.GetElapsedTime(began);
        if (host.Services.GetRequiredService<Handled>().Count != count)
            throw new InvalidOperationException("Not every message was handled exactly once.");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count / took.TotalSeconds:0} {Machine.PeakResidentBytes()}"));
        return 0;
    }
}
