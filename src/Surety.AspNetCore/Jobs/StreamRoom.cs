using Microsoft.Extensions.Options;
using Surety.AspNetCore.Limits;

namespace Surety.AspNetCore.Jobs;

/// <summary>Counts the open event streams of the host and of each principal.</summary>
internal sealed class StreamRoom
{
    private readonly EdgeOptions edge;
    private readonly Lock gate = new();
    private readonly Dictionary<string, int> open = new(StringComparer.Ordinal);
    private int all;

    public StreamRoom(IOptions<EdgeOptions> options, EdgeMetrics metrics)
    {
        edge = options.Value;
        metrics.ObserveStreams(() => Open);
    }

    /// <summary>Then a client has to come back, with its credential.</summary>
    public TimeSpan Longest { get; set; } = TimeSpan.FromMinutes(10);

    public int Open => Volatile.Read(ref all);

    public Entry TryEnter(string principal)
    {
        lock (gate)
        {
            var own = open.GetValueOrDefault(principal);
            if (own >= edge.MaxStreamsPerCaller) return Entry.CallerHasTooMany;
            if (all >= edge.MaxStreams) return Entry.HostIsFull;
            open[principal] = own + 1;
            all++;
            return Entry.Entered;
        }
    }

    public void Leave(string principal)
    {
        lock (gate)
        {
            all--;
            if (--open[principal] == 0) open.Remove(principal);
        }
    }

    public enum Entry
    {
        Entered,
        CallerHasTooMany,
        HostIsFull,
    }
}
