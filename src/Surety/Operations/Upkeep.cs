using Surety.Coordination;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Operations;

/// <summary>The loop of the slow chores.</summary>
internal sealed class Upkeep(
    IEnumerable<IChore> registered, Worker worker, INodeStore nodes, SuretyOptions options, SuretyHealth health, TimeProvider time) : ILoop
{
    private static readonly TimeSpan UntilJoined = TimeSpan.FromMilliseconds(50);

    private readonly IReadOnlyList<IChore> chores = [.. registered];

    public string Name => "upkeep";

    public TimeSpan LongestRest => options.NodeLease / 3;

    public async Task RunAsync(Action turned, CancellationToken cancel)
    {
        var begun = new long[chores.Count];
        while (true)
        {
            // Asked once a turn: a node that joins in the middle of this turn must not be taken for one that was rescued for.
            var joined = worker.Node;
            // Its own lease first: behind a long transaction, or after a jump of the store's clock, the node would presume itself dead.
            if (joined is { } node) await nodes.HeartbeatAsync(node, options.NodeLease, cancel);
            for (var i = 0; i < begun.Length; i++)
            {
                if (chores[i].IsForNodes && joined is null) continue;
                if (IsDue(ref begun[i], chores[i].Every)) await chores[i].DoAsync(cancel);
            }

            turned();
            // Soon after the start, then at the heartbeat's pace: a dead node's messages wait one lease and at most this pause.
            var isJoining = joined is null && options.Work && !health.IsStandby;
            await Task.Delay(isJoining ? UntilJoined : LongestRest, time, cancel);
        }
    }

    private bool IsDue(ref long begun, TimeSpan every)
    {
        if (begun != 0 && time.GetElapsedTime(begun) < every) return false;
        begun = time.GetTimestamp();
        return true;
    }
}
