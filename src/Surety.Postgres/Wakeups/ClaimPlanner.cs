using System.Collections.Concurrent;
using System.Diagnostics;
using Surety.Postgres.Segments.Sql;
using Surety.Postgres.Sql;

namespace Surety.Postgres.Segments;

/// <summary>
/// The oldest segment that had something for a queue, when no other but the newest had. For a moment these two are all that
/// is looked at, so that not every claim has to read the indexes of four segments: the others get messages only from transactions that began
/// before the newest was that. The server looks at all when this one has nothing any more.
/// </summary>
internal sealed class OldestSegment
{
    // How long a message of a slow transaction may wait while there are others.
    private static readonly TimeSpan Trusted = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<string, (int Segment, long At)> oldest = new(StringComparer.Ordinal);

    /// <summary>The same segment for all of these queues, or -1.</summary>
    public int For(string[] queues)
    {
        var segment = -1;
        foreach (var queue in queues)
        {
            if (!oldest.TryGetValue(queue, out var seen) || Stopwatch.GetElapsedTime(seen.At) > Trusted || (segment >= 0 && seen.Segment != segment)) return -1;
            segment = seen.Segment;
        }

        return segment;
    }

    /// <summary>What a look has found.</summary>
    /// <param name="queues">Where it looked.</param>
    /// <param name="asked">What <see cref="For"/> had answered.</param>
    /// <param name="began">When it was sent.</param>
    /// <param name="found">
    /// The lane of a message; null when it found none: what there was is paused, withdrawn or somebody else's by now, and must not hide
    /// what is in other segments.
    /// </param>
    public void Looked(string[] queues, int asked, long began, SegmentLane? found)
    {
        // It may not have looked at the others this time.
        if (found?.Oldest == asked) return;
        foreach (var queue in queues)
        {
            if (found is { Oldest: < SegmentSql.Segments and var segment }) oldest[queue] = (segment, began);
            else oldest.TryRemove(queue, out _);
        }
    }
}
