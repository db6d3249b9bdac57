using System.Diagnostics;
using Surety.Storage;

#pragma warning disable RS0030 // Waits for the database are real, whatever clock the host was given: none would end by another.

namespace Surety.Postgres.Wakeups;

/// <summary>What this process knows of its looks for messages: the plan, its clock, and the signal that ends a wait.</summary>
internal sealed class Looks(WorkSignal signal)
{
    private readonly Lock gate = new();
    private readonly long zero = Stopwatch.GetTimestamp();
    private ClaimPlanner plan = ClaimPlanner.New;
    private long own;
    private long begun;
    private string[] queues = [];

    /// <summary>By the clock of the plan.</summary>
    public TimeSpan Now => Stopwatch.GetElapsedTime(zero);

    public ClaimPlanner Plan
    {
        get { lock (gate) return plan; }
    }

    /// <summary>How many looks have begun.</summary>
    public long Begun => Interlocked.Read(ref begun);

    /// <summary>Whether the looks of this process took all that it has committed.</summary>
    public bool NeedNobodyElse => Plan.NeedsNobodyElse(Interlocked.Read(ref own));

    /// <summary>Whether the newest look was into this queue, too.</summary>
    public bool IsInto(string queue) => Array.IndexOf(Volatile.Read(ref queues), queue) >= 0;

    /// <summary>This process has committed messages.</summary>
    public void Committed()
    {
        Interlocked.Increment(ref own);
        signal.Pulse();
    }

    /// <summary>Another process's call was heard.</summary>
    public void Heard(bool isForUs)
    {
        Change(static (plan, heard) => plan.Heard(heard.isForUs, heard.Now), (isForUs, Now));
        signal.Pulse();
    }

    /// <summary>A look begins, into these queues.</summary>
    public LookFirst Begin(IReadOnlyList<QueueDemand> demands)
    {
        Volatile.Write(ref queues, [.. demands.Select(d => d.Queue)]);
        Interlocked.Increment(ref begun);
        // Read before the look: what is committed later, the look may not see.
        return Change(static (plan, own) => plan.Begin(own), Interlocked.Read(ref own)).Where();
    }

    public ClaimPlanner Change<T>(Func<ClaimPlanner, T, ClaimPlanner> change, T with)
    {
        lock (gate) return plan = change(plan, with);
    }

    /// <summary>Until there may be something that the last look has not seen.</summary>
    public async ValueTask WaitAsync(TimeSpan atMost, CancellationToken cancel)
    {
        var end = Now + atMost;
        if (UpTo(Plan.Earliest) is { } gathering) await Task.Delay(gathering, cancel);
        while (true)
        {
            // Taken before the plan is read: what is told in between ends the wait.
            var news = signal.Next;
            var next = Plan.NextLook(Interlocked.Read(ref own));
            if (UpTo(next < end ? next : end) is not { } wait) return;
            await news.WaitAsync(wait, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>How long until then, in whole milliseconds as timers have them; null when it is past.</summary>
    private TimeSpan? UpTo(TimeSpan then)
    {
        var wait = then - Now;
        return wait <= TimeSpan.Zero ? null : TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds));
    }
}
