using System.Diagnostics;
using Surety.Storage;

#pragma warning disable RS0030 // Waits for the database are real, whatever clock the host was given: by one that stands still they would never end.

namespace Surety.Postgres.Wakeups;

/// <summary>
/// When a worker looks for messages: soon after this process has enqueued some, which it knows of by itself, and otherwise the more often
/// the more looking has found. A look that finds nothing costs the server about half as much as one that finds a message.
/// </summary>
internal sealed class Looks(Hints hints, WorkSignal work)
{
    // How often one who has found nothing for a while looks: hints get lost, the tables do not.
    private static readonly TimeSpan Rare = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(1);

    // How soon one who has just had work looks again: at first, and at most. A hint from another process takes longer than the first looks.
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Last = TimeSpan.FromMilliseconds(100);

    // How long a worker waits before the next claim when the last one brought all there was. One that claims again at once gets very few
    // messages. After a large claim it waits longer: what a claim costs matters more then.
    // Of several nodes each waits as much longer: together they ask as often as one, and a message waits no longer for one of them.
    private static readonly TimeSpan Few = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Many = TimeSpan.FromMilliseconds(5);
    private const int AreMany = 50;
    private const int MostNodes = 4;

    // What the last look knew of; whatever came later it has not seen.
    private long seen;
    private long seenOwn;
    private bool wasTold;
    private bool leftSome;
    private TimeSpan gather;
    private long found;
    private bool pays;
    private TimeSpan next = First;
    private (long At, TimeSpan In)? due;

    private bool HasNews => work.Version != Interlocked.Read(ref seen);

    /// <summary>Before a look.</summary>
    public void Begin()
    {
        var own = hints.Own;
        (wasTold, seenOwn) = (own != seenOwn, own);
        (leftSome, gather) = (false, TimeSpan.Zero);
        Interlocked.Exchange(ref seen, work.Version);
    }

    /// <summary>When the next scheduled message is due.</summary>
    public void Due(TimeSpan? wait) => due = wait is { } span ? (Stopwatch.GetTimestamp(), span) : null;

    /// <summary>After a look.</summary>
    /// <param name="count">How many messages it got.</param>
    /// <param name="all">Whether that was all there was.</param>
    public void End(int count, bool all)
    {
        leftSome = count > 0 && !all;
        gather = count == 0 || leftSome ? TimeSpan.Zero : count < AreMany ? Few : Many * Math.Clamp(hints.LiveNodes, 1, MostNodes);
        if (!wasTold) pays = count > 0;
        if (count == 0) return;
        found = Stopwatch.GetTimestamp();
        if (pays) next = First;
    }

    /// <summary>Until there may be something that the last look has not seen.</summary>
    public async ValueTask WaitAsync(TimeSpan atMost, CancellationToken cancel)
    {
        if (leftSome) return;
        if (gather > TimeSpan.Zero)
        {
            await Task.Delay(gather, cancel);
            gather = TimeSpan.Zero;
            // Where looking pays, that was the wait.
            if (pays) return;
        }

        if (HasNews) return;
        var isRecent = Stopwatch.GetElapsedTime(found) < Recent;
        var pause = isRecent ? next : Rare;
        if (atMost < pause) pause = atMost;
        if (due is { } soon)
        {
            var left = soon.In - Stopwatch.GetElapsedTime(soon.At);
            if (left <= TimeSpan.Zero) return;
            // A hair late rather than a hair early, which would cost another round.
            if (left < pause) pause = left + TimeSpan.FromMilliseconds(1);
        }

        var news = work.Next;
        if (HasNews) return;
        await news.WaitAsync(pause, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancel.ThrowIfCancellationRequested();
        if (isRecent && !HasNews) next = next * 2 < Last ? next * 2 : Last;
    }
}
