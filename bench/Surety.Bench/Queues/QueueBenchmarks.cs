using Surety.Bench.Measuring;

namespace Surety.Bench.Queues;

/// <summary>The queue on SQLite against the hand-written one, in this process.</summary>
internal static class QueueBenchmarks
{
    public static async Task RunAsync(Report report, bool quick)
    {
        var rounds = quick ? 1 : 9;
        int Of(int count) => quick ? count / 40 : count;

        report.Add(await Rounds.CompareAsync("Enqueue, one a commit, one caller", "messages", Of(4_000), rounds, HandWritten.EnqueueEach, SuretySide.EnqueueEach, 0.7));
        report.Add(await Rounds.CompareAsync(
            "Enqueue, one a call, 32 callers", "messages", Of(16_000), rounds, HandWritten.EnqueueTogether(32), SuretySide.EnqueueTogether(32), null, "by hand a commit each, Surety shares them"));
        report.Add(await Rounds.CompareAsync("Enqueue, 100 a commit", "messages", Of(80_000), rounds, HandWritten.EnqueueBatches(100), SuretySide.EnqueueBatches(100), 0.7));

        var cycle = Of(40_000);
        report.Add(await Rounds.CompareAsync(
            "Full cycle, batches of 100", "messages", cycle, rounds, HandWritten.Cycle(100), SuretySide.Cycle(100, s => s.HandleBatch<Posted, CountMany>(100, TimeSpan.FromMilliseconds(5))), 0.6, "batch handler"));
        report.Add(await Rounds.CompareAsync(
            "Full cycle, one handler call a message", "messages", cycle, rounds, HandWritten.Cycle(100), SuretySide.Cycle(100, s => s.Handle<Posted, CountEach>()), 0.6, "by hand in hundreds"));
        report.Add(await Rounds.CompareAsync(
            "Full cycle, batches of 1,000", "messages", cycle, rounds, HandWritten.Cycle(1_000), SuretySide.Cycle(1_000, s => s.HandleBatch<Posted, CountMany>(1_000, TimeSpan.FromMilliseconds(5))), null, "batch handler"));

        var effects = Of(4_000);
        report.Add(await Rounds.CompareAsync(
            "Transactional handler, one a commit by hand", "messages", effects, rounds, f => HandWritten.Effects(100, 1)(f, effects),
            f => SuretySide.Effects(f, effects, s => s.HandleInTransaction<Posted, BookEach>("effects")), null, "Surety shares commits among its 16 handlers"));
        var batched = Of(40_000);
        report.Add(await Rounds.CompareAsync(
            "Transactional batch handler, 100 a commit", "messages", batched, rounds, f => HandWritten.Effects(100, 100)(f, batched),
            f => SuretySide.Effects(f, batched, s => s.HandleBatchInTransaction<Posted, BookMany>(100, TimeSpan.FromMilliseconds(5), "effects"))));
    }
}
