namespace Surety.Bench.JobQueues;

/// <summary>
/// A contender's processes: a producer, and the nodes that work. They live through all rounds of a comparison, so that what is measured is
/// code that has warmed up.
/// </summary>
internal sealed class Crew : IAsyncDisposable
{
    private readonly Lock gate = new();
    private readonly List<Member> nodes = [];
    private readonly List<long> handled = [];
    private List<Member> atWork = [];
    private TaskCompletionSource more = NewSignal();
    private bool disposed;

    private Crew(Member producer) => Producer = producer;

    public Member Producer { get; }

    public TimeSpan ProcessorTime => nodes.Aggregate(Producer.ProcessorTime, (sum, node) => sum + node.ProcessorTime);

    public TimeSpan Compiled => nodes.Aggregate(Producer.Compiled, (sum, node) => sum + node.Compiled);

    public TimeSpan NodesProcessorTime => nodes.Aggregate(TimeSpan.Zero, (sum, node) => sum + node.ProcessorTime);

    public long Handled
    {
        get { lock (gate) return handled.Sum(); }
    }

    public static async Task<Crew> StartAsync(Launch launch, int nodes)
    {
        var crew = new Crew(await Member.StartAsync(launch.Program, launch.Arguments, static _ => { }));
        try
        {
            for (var i = 0; i < nodes; i++)
            {
                var index = i;
                crew.handled.Add(0);
                crew.nodes.Add(await Member.StartAsync(launch.Program, launch.Arguments, said => crew.Heard(index, said.Count)));
            }

            return crew;
        }
        catch
        {
            await crew.DisposeAsync();
            throw;
        }
    }

    /// <param name="start">What they are told.</param>
    /// <param name="most">How many of the nodes are to work; the others' processes stay idle.</param>
    public Task WorkAsync(Order start, int most = int.MaxValue)
    {
        atWork = [.. nodes.Take(most)];
        lock (gate)
        {
            for (var i = 0; i < handled.Count; i++) handled[i] = 0;
        }

        return Task.WhenAll(atWork.Select(node => node.DoAsync(start with { Do = "start" }, "started")));
    }

    /// <summary>Gives each node that works an order of its own, by its place.</summary>
    public Task<Said[]> DoAsync(Func<int, Order> order, string answer) =>
        Task.WhenAll(atWork.Select((node, place) => node.DoAsync(order(place), answer)));

    /// <summary>Completes when the nodes have begun this many jobs since their start.</summary>
    public async Task UntilHandledAsync(long count, TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit);
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (handled.Sum() >= count) return;
                next = more.Task;
            }

            try
            {
                await next.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException e)
            {
                throw new TimeoutException($"{Handled} of {count} jobs were handled within {limit}.", e);
            }
        }
    }

    /// <summary>From here on only the waiting of later jobs counts.</summary>
    public Task ForgetAsync() => Task.WhenAll(atWork.Select(node => node.DoAsync(new Order("forget"), "forgotten")));

    /// <summary>Ends the nodes' work and returns what they did.</summary>
    public async Task<Tally> RestAsync()
    {
        var tally = new Tally();
        foreach (var said in await Task.WhenAll(atWork.Select(node => node.DoAsync(new Order("stop"), "stopped")))) tally.Add(said);
        return tally;
    }

    /// <summary>May be called again: one crew may play for several entrants.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed) return;
        disposed = true;
        foreach (var node in nodes) await node.DisposeAsync();
        await Producer.DisposeAsync();
    }

    private void Heard(int index, long count)
    {
        TaskCompletionSource woken;
        lock (gate)
        {
            handled[index] = count;
            (woken, more) = (more, NewSignal());
        }

        woken.TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>How to start one of a contender's processes.</summary>
internal sealed record Launch(string Program, IReadOnlyList<string> Arguments);
