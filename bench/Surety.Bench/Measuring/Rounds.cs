using System.Diagnostics;

namespace Surety.Bench.Measuring;

/// <summary>Runs two contenders in turns, so that whatever else the machine does meanwhile meets both alike.</summary>
internal static class Rounds
{
    /// <param name="name">What is compared.</param>
    /// <param name="unit">What is counted.</param>
    /// <param name="count">How many units a round.</param>
    /// <param name="rounds">How many rounds count; one more warms up.</param>
    /// <param name="hand">Makes the hand-written contender in a folder.</param>
    /// <param name="surety">Makes Surety's.</param>
    /// <param name="target">The ratio wanted, or null.</param>
    /// <param name="note">What a reader must know.</param>
    public static async Task<Comparison> CompareAsync(
        string name, string unit, int count, int rounds, Func<string, Task<IContender>> hand,
            Func<string, Task<IContender>> surety, double? target = null, string note = "")
    {
        var (hands, suretys) = (new List<Sample>(), new List<Sample>());
        await OnceAsync(hand, count);
        await OnceAsync(surety, count);
        for (var round = 0; round < rounds; round++)
        {
            // Who goes first changes, so that neither always finds what the other left behind.
            if (round % 2 == 0) hands.Add(await OnceAsync(hand, count));
            suretys.Add(await OnceAsync(surety, count));
            if (round % 2 != 0) hands.Add(await OnceAsync(hand, count));
        }

        return new Comparison(
            name, unit, Series.Of(hands), Series.Of(suretys), [.. suretys.Zip(hands, (s, h) => s.Rate / h.Rate)], target, note);
    }

    private static async Task<Sample> OnceAsync(Func<string, Task<IContender>> make, int count)
    {
        var folder = Directory.CreateTempSubdirectory("surety-bench-").FullName;
        try
        {
            await using var contender = await make(folder);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var processor = Environment.CpuUsage.TotalTime;
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            var began = Stopwatch.GetTimestamp();
            await contender.RunAsync(count);
            var took = Stopwatch.GetElapsedTime(began);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
            processor = Environment.CpuUsage.TotalTime - processor;
            await contender.CheckAsync(count);
            return new Sample(count / took.TotalSeconds, processor.TotalMicroseconds / count, (double)allocated / count);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
