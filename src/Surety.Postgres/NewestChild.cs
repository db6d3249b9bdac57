using System.Collections.Concurrent;
using System.Diagnostics;
using Surety.Postgres.Sql;

namespace Surety.Postgres;

/// <summary>
/// Which child of the segments alone was found worth a look. The others get messages only from transactions that began before it was the newest; for a moment they can wait, so that not every claim has
/// to read four children's indexes. The server looks at all when it has gone on to another child, and when there is nothing in this one; a look in vain is followed by one at all.
/// </summary>
internal sealed class NewestChild
{
    // How long a message of a slow transaction may wait while there are others.
    private static readonly TimeSpan Trusted = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<string, (int Child, long At)> alone = new(StringComparer.Ordinal);

    /// <summary>The child that is the only one worth a look for all of these queues, or -1.</summary>
    public int For(string[] queues)
    {
        var child = -1;
        foreach (var queue in queues)
        {
            if (!alone.TryGetValue(queue, out var seen) || Stopwatch.GetElapsedTime(seen.At) > Trusted || (child >= 0 && seen.Child != child)) return -1;
            child = seen.Child;
        }

        return child;
    }

    /// <summary>What a look has found.</summary>
    /// <param name="queues">Where it looked.</param>
    /// <param name="asked">What <see cref="For"/> had answered.</param>
    /// <param name="began">When it was sent.</param>
    /// <param name="found">The lane of a message; null when it found none.</param>
    public void Looked(string[] queues, int asked, long began, SegmentLane? found)
    {
        // Nothing, although this one was worth a look: what there was is paused, withdrawn or somebody else's by now, and must not hide what is in the others.
        if (found is not { } lane)
        {
            foreach (var queue in queues) alone.TryRemove(queue, out _);
            return;
        }

        // Where it was not the only one looked at.
        if (lane.Child == asked && !lane.HasOlder) return;
        foreach (var queue in queues)
        {
            if (lane.HasOlder) alone.TryRemove(queue, out _);
            else alone[queue] = (lane.Child, began);
        }
    }
}
