using Microsoft.Extensions.Logging;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>Deletes what is over, of every noun that keeps things for a while.</summary>
internal sealed class Prune(IEnumerable<IPrunable> nouns, ILogger<Prune> log) : IChore
{
    private const int BatchSize = 500;

    public TimeSpan Every => TimeSpan.FromSeconds(30);

    public Task DoAsync(CancellationToken cancel) => AllAsync([.. nouns.Select(n => (PruneCall)n.PruneAsync)], log, cancel);

    /// <summary>Calls each until it has nothing left to delete.</summary>
    public static async Task AllAsync(PruneCall[] calls, ILogger log, CancellationToken cancel)
    {
        var pruned = 0L;
        foreach (var call in calls)
        {
            int count;
            do
            {
                count = await call(BatchSize, cancel);
                pruned += count;
            }
            while (count == BatchSize);
        }

        if (pruned > 0) Log.Pruned(log, pruned);
    }
}

/// <summary>Deletes at most so many and returns how many.</summary>
internal delegate ValueTask<int> PruneCall(int limit, CancellationToken cancel);
