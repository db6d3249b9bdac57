using Surety.Bench.Measuring;

namespace Surety.Bench.Queues;

/// <summary>The queue on SQLite against the hand-written one, in this process.</summary>
internal static class QueueBenchmarks
{
    public static async Task RunAsync(Report report, bool quick, string part)
    {
        var rounds = quick ? 1 : 9;
        int Of(int count) => quick ? count / 40 : count;
        async Task CompareAsync(
            string name, int count, Func<string, Task<IContender>> hand,
                Func<string, Task<IContender>> surety, double? target = null, string note = "")
        {
            if (name.Contains(part, StringComparison.OrdinalIgnoreCase))
                report.Add(await Rounds.CompareAsync(name, "messages", count, rounds, hand, surety, target, note));
        }

        await CompareAsync("Enqueue, one a commit, one caller", Of(4_000), HandWritten.EnqueueEach, SuretySide.EnqueueEach, 0.7);
        await CompareAsync(
            "Enqueue, one a call, 32 callers", Of(16_000), HandWritten.EnqueueTogether(
                32), SuretySide.EnqueueTogether(32), null, "by hand a commit each, Surety shares them");
        await CompareAsync("Enqueue, 100 a commit", Of(80_000), HandWritten.EnqueueBatches(100), SuretySide.EnqueueBatches(100), 0.7);

        var cycle = Of(40_000);
        await CompareAsync(
            "Full cycle, batches of 100", cycle, HandWritten.Cycle(100), SuretySide.Cycle(
                100, s => s.HandleBatch<Posted, CountMany>(100, TimeSpan.FromMilliseconds(5))), 0.6, "batch handler");
        await CompareAsync(
            "Full cycle, one handler call a message", cycle, HandWritten.Cycle(
                100), SuretySide.Cycle(100, s => s.Handle<Posted, CountEach>()), 0.6, "by hand in hundreds");
        await CompareAsync(
            "Full cycle, batches of 1,000", cycle, HandWritten.Cycle(1_000), SuretySide.Cycle(
                1_000, s => s.HandleBatch<Posted, CountMany>(1_000, TimeSpan.FromMilliseconds(5))), null, "batch handler");

        var effects = Of(4_000);
        await CompareAsync(
            "Transactional handler, one a commit by hand", effects, f => HandWritten.Effects(100, 1)(f, effects),
            f => SuretySide.Effects(
                f, effects, s => s.HandleInTransaction<Posted, BookEach>("effects")), null, "Surety shares commits among its 16 handlers");
        var batched = Of(40_000);
        await CompareAsync(
            "Transactional batch handler, 100 a commit", batched, f => HandWritten.Effects(100, 100)(f, batched),
            f => SuretySide.Effects(
                f, batched, s => s.HandleBatchInTransaction<Posted, BookMany>(100, TimeSpan.FromMilliseconds(5), "effects")));
    }
}
