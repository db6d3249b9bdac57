using System.Collections.Concurrent;
using Surety.Coordination;
using Surety.Storage;

namespace Surety.Processing;

/// <summary>Why a running attempt was asked to stop. The first reason counts.</summary>
internal enum StopReason
{
    None,
    Timeout,
    Cancelled,
    ClaimLost,
    Drain,
}

/// <summary>One running attempt: its cancellation, and why it fired.</summary>
internal sealed class Running : IDisposable
{
    /// <summary>How long a handler may ignore its token before its slot goes to the next message.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource source = new();
    private readonly Home home;
    private readonly TimeProvider time;
    private readonly ITimer timeout;
    private TaskCompletionSource? abandoned;
    private ITimer? patience;
    private int reason;
    private int ended;

    public Running(IReadOnlyList<ClaimedMessage> messages, TimeSpan limit, Home home, TimeProvider time)
    {
        Messages = messages;
        (this.home, this.time) = (home, time);
        timeout = time.CreateTimer(static state => ((Running)state!).Stop(StopReason.Timeout), this, limit, Timeout.InfiniteTimeSpan);
    }

    public IReadOnlyList<ClaimedMessage> Messages { get; }
    public CancellationToken Token => source.Token;
    public StopReason Reason => (StopReason)Volatile.Read(ref reason);

    /// <summary>Completes when the handler was asked to stop and did not in time.</summary>
    public Task Abandoned => Abandoning.Task;

    // Made for the few that are asked for it: most handlers are done before anybody waits.
    private TaskCompletionSource Abandoning =>
        abandoned ?? Interlocked.CompareExchange(ref abandoned, new(TaskCreationOptions.RunContinuationsAsynchronously), null) ?? abandoned;

    public void Stop(StopReason why)
    {
        if (Interlocked.CompareExchange(ref reason, (int)why, (int)StopReason.None) != (int)StopReason.None) return;
        if (Volatile.Read(ref ended) != 0) return;
        patience = time.CreateTimer(
            static state => ((TaskCompletionSource)state!).TrySetResult(), Abandoning, Patience, Timeout.InfiniteTimeSpan);
        // Off this thread: a user's cancellation callback may run for long, and the caller is a loop that others wait for.
        home.Post(static running => running.Cancel(), this);
    }

    private void Cancel()
    {
        try
        {
            source.Cancel();
        }
        catch (AggregateException)
        {
            // A user's callback threw. It is told of nothing else that it could do, and the handler is asked to stop all the same.
        }
    }

    public void Dispose()
    {
        Volatile.Write(ref ended, 1);
        timeout.Dispose();
        patience?.Dispose();
    }
}

/// <summary>Everything that runs on this node now, so that it can be told to stop.</summary>
internal sealed class RunningSet
{
    private readonly ConcurrentDictionary<Claim, Running> byClaim = [];

    public int Count => byClaim.Count;

    public void Add(Running running)
    {
        foreach (var message in running.Messages) byClaim[message.Claim] = running;
    }

    public void Remove(Running running)
    {
        foreach (var message in running.Messages) byClaim.TryRemove(new(message.Claim, running));
        running.Dispose();
    }

    /// <summary>Asks the message's attempt to stop; false when it does not run here.</summary>
    public bool Cancel(Claim claim)
    {
        if (!byClaim.TryGetValue(claim, out var running)) return false;
        running.Stop(StopReason.Cancelled);
        return true;
    }

    /// <summary>As <see cref="Cancel(Claim)"/>, whichever claim of the message runs here.</summary>
    public void Cancel(MessageId id)
    {
        foreach (var (claim, attempt) in byClaim)
        {
            if (claim.Id == id) attempt.Stop(StopReason.Cancelled);
        }
    }

    public void StopAll(StopReason reason)
    {
        foreach (var running in byClaim.Values.Distinct()) running.Stop(reason);
    }
}
