using Surety.Bench.Measuring;

namespace Surety.Bench.Queues;

/// <summary>The hand-written side of each comparison.</summary>
internal sealed class HandWritten(string folder, Func<HandQueue, int, Task<long>> run, string table, bool leavesRows) : IContender
{
    private readonly HandQueue queue = new(folder);
    private long handled;

    /// <summary>One message a commit.</summary>
    public static Task<IContender> EnqueueEach(string folder) => Make(folder, (queue, count) =>
    {
        for (var i = 0; i < count; i++) queue.Enqueue([Posted.Nr(i)]);
        return Task.FromResult<long>(count);
    }, "job", leavesRows: true);

    /// <summary>Many callers, one message a commit, one after the other: SQLite has one write lock.</summary>
    public static Func<string, Task<IContender>> EnqueueTogether(int callers) => folder => Make(folder, async (queue, count) =>
    {
        await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (var i = caller; i < count; i += callers)
            {
                await queue.Turn.WaitAsync();
                try
                {
                    queue.Enqueue([Posted.Nr(i)]);
                }
                finally
                {
                    queue.Turn.Release();
                }
            }
        }));
        return count;
    }, "job", leavesRows: true);

    public static Func<string, Task<IContender>> EnqueueBatches(int size) => folder => Make(folder, (queue, count) =>
    {
        for (var i = 0; i < count; i += size) queue.Enqueue(Posted.Batch(i, size));
        return Task.FromResult<long>(count);
    }, "job", leavesRows: true);

    /// <summary>
    /// On one thread: enqueue a batch, claim it, handle it, settle it. A producer and a worker that share the connection in turns are
    /// slower: they wait for each other.
    /// </summary>
    public static Func<string, Task<IContender>> Cycle(int size) => folder => Make(folder, (queue, count) =>
    {
        long sum = 0;
        for (var i = 0; i < count; i += size)
        {
            queue.Enqueue(Posted.Batch(i, size));
            var jobs = queue.Claim(size);
            foreach (var job in jobs) sum += HandQueue.Read(job).Number >= 0 ? 1 : 0;
            queue.Settle(jobs);
        }

        return Task.FromResult(sum);
    }, "job", leavesRows: false);

    /// <summary>Works off what is there: claims in hundreds, and commits effects and settling of so many messages together.</summary>
    public static Func<string, int, Task<IContender>> Effects(int claimed, int together) =>
        (folder, prepared) => Make(folder, (queue, count) =>
    {
        var done = 0;
        while (done < count)
        {
            var jobs = queue.Claim(claimed);
            foreach (var group in jobs.Chunk(together)) queue.Settle(group, HandQueue.Read);
            done += jobs.Count;
        }

        return Task.FromResult<long>(done);
    }, "effect", leavesRows: true, queue =>
    {
        for (var i = 0; i < prepared; i += 1000) queue.Enqueue(Posted.Batch(i, Math.Min(1000, prepared - i)));
    });

    public async Task RunAsync(int count) => handled = await run(queue, count);

    public Task CheckAsync(int count)
    {
        var rows = queue.Count(table);
        if (handled != count || rows != (leavesRows ? count : 0))
            throw new InvalidOperationException($"{handled} of {count} handled, {rows} rows left in {table}.");
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        queue.Dispose();
        return ValueTask.CompletedTask;
    }

    private static Task<IContender> Make(
        string folder, Func<HandQueue, int, Task<long>> run, string table, bool leavesRows, Action<HandQueue>? prepare = null)
    {
        var made = new HandWritten(folder, run, table, leavesRows);
        prepare?.Invoke(made.queue);
        return Task.FromResult<IContender>(made);
    }
}
