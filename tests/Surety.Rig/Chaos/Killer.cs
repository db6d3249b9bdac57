using System.Diagnostics;
using System.Globalization;

namespace Surety.Rigs.Chaos;

/// <summary>
/// Ends a node of the backend at bad moments and starts it again: a random while after a request to it began, while a handler waits for the
/// provider, while it is starting, or whenever. Audits the books after every start.
/// </summary>
internal sealed class Killer(Rig rig, Random random)
{
    private const int Remembered = 256;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Queue<double> latencies = new();
    private readonly Lock gate = new();
    private TaskCompletionSource<Node> requestBegan = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int answered;

    public List<TimeSpan> Restarts { get; } = [];

    public List<string> Violations { get; } = [];

    public int Audits { get; private set; }

    public void RequestBegan(Node node)
    {
        lock (gate) requestBegan.TrySetResult(node);
    }

    public void RequestAnswered(TimeSpan took)
    {
        lock (gate)
        {
            answered++;
            latencies.Enqueue(took.TotalMilliseconds);
            if (latencies.Count > Remembered) latencies.Dequeue();
        }
    }

    public async Task RunAsync(int kills, Action<int> tick, CancellationToken cancel)
    {
        for (var kill = 1; kill <= kills; kill++)
        {
            await LetWorkAsync(random.Next(8, 40), cancel);
            var node = await MomentAsync(cancel);
            await node.KillAsync();
            tick(kill);
            if (kill < kills && random.Next(10) == 0)
            {
                // Killed again while it recovers.
                node.Spawn();
                await Task.Delay(random.Next(600), cancel);
                await node.KillAsync();
                tick(++kill);
            }

            Restarts.Add(await node.StartAsync(cancel));
            await AuditAsync(cancel);
        }
    }

    /// <summary>Has the backend kill itself at each of the failpoints, under work.</summary>
    public async Task RunAsync(IReadOnlyList<string> failpoints, Action<int> tick, CancellationToken cancel)
    {
        for (var kill = 1; kill <= failpoints.Count; kill++)
        {
            await LetWorkAsync(20, cancel);
            var node = AnyNode();
            await node.KillAsync();
            node.Spawn(failpoints[kill - 1]);
            if (!await node.DiedAtFailpointAsync(TimeSpan.FromSeconds(30), cancel))
            {
                Violations.Add($"The failpoint {failpoints[kill - 1]} was not reached within 30 s of work.");
                await node.KillAsync();
            }

            Restarts.Add(await node.StartAsync(cancel));
            await AuditAsync(cancel);
            if (rig.Nodes.Count == 1) await CatchUpAsync(cancel);
            tick(kill);
        }
    }

    /// <summary>
    /// What was interrupted ends before the next kill: a message that is there at too many deaths in a row is taken for their cause. Of
    /// several nodes another one goes on, a lease later.
    /// </summary>
    private async Task CatchUpAsync(CancellationToken cancel)
    {
        var before = (await Audit.ReadAsync(rig, cancel)).Entries;
        var began = Stopwatch.GetTimestamp();
        while ((await Audit.ReadAsync(rig, cancel)).Exported < before)
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(30)) return; // The accounts will say so.
            await Task.Delay(20, cancel);
        }
    }

    public async Task AuditAsync(CancellationToken cancel)
    {
        Audits++;
        foreach (var fault in (await Audit.ReadAsync(rig, cancel)).Faults()) Violations.Add($"Audit {Audits}: {fault}");
    }

    /// <summary>A backend that is killed before it has done anything proves nothing.</summary>
    private async Task LetWorkAsync(int answers, CancellationToken cancel)
    {
        int until;
        lock (gate) until = answered + answers;
        var began = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref answered) < until)
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(60)) throw new RigException("The backend runs and answers nobody.");
            await Task.Delay(5, cancel);
        }
    }

    /// <summary>Waits for a bad moment and says whose it is.</summary>
    private async Task<Node> MomentAsync(CancellationToken cancel)
    {
        switch (random.Next(10))
        {
            case < 6:
                return await InARequestAsync(cancel);
            case < 9:
                await InAHandlerAsync(cancel);
                return AnyNode();
            default:
                await Task.Delay(random.Next(200), cancel);
                return AnyNode();
        }
    }

    private Node AnyNode() => rig.Nodes[random.Next(rig.Nodes.Count)];

    private async Task<Node> InARequestAsync(CancellationToken cancel)
    {
        Task<Node> began;
        lock (gate)
        {
            requestBegan = new(TaskCreationOptions.RunContinuationsAsynchronously);
            began = requestBegan.Task;
        }

        var node = await began.WaitAsync(cancel);
        await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 3 * MedianMs()), cancel);
        return node;
    }

    private async Task InAHandlerAsync(CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < Patience)
        {
            if (int.Parse(await rig.Provider.GetStringAsync("/in-flight", cancel), CultureInfo.InvariantCulture) > 0) return;
        }
    }

    private double MedianMs()
    {
        lock (gate) return latencies.Count == 0 ? 1 : latencies.Order().ElementAt(latencies.Count / 2);
    }
}
