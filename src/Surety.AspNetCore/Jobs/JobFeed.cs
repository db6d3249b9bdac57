namespace Surety.AspNetCore.Jobs;

/// <summary>
/// The states a job went through while somebody watched, seen once for all who watch, and remembered for a while after the last one left: a
/// client that comes back in time has missed nothing.
/// </summary>
internal sealed class JobFeed(MessageInfo first)
{
    /// <summary>Progress is stored at most once a second, so this is a minute and more.</summary>
    private const int Kept = 100;

    private readonly Lock gate = new();
    private readonly List<MessageInfo> states = [Slim(first)];
    private TaskCompletionSource changed = New();
    private long dropped;
    private bool closed;

    public MessageId Id => first.Id;

    public MessageInfo Newest
    {
        get
        {
            lock (gate) return states[^1];
        }
    }

    public bool HasEnded => JobView.IsTerminal(Newest.Status);

    /// <summary>
    /// Adds what was seen, unless it is no newer than what was seen last: two may have looked at once. The clock moves the status on within
    /// a revision.
    /// </summary>
    public void Note(MessageInfo seen)
    {
        lock (gate)
        {
            if ((seen.Revision, seen.Status).CompareTo((states[^1].Revision, states[^1].Status)) <= 0) return;
            states.Add(Slim(seen));
            if (states.Count > Kept)
            {
                states.RemoveAt(0);
                dropped++;
            }

            Pulse();
        }
    }

    /// <summary>Nothing more will be seen here.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
            Pulse();
        }
    }

    /// <summary>
    /// Where to go on for somebody who knows this state; the newest for somebody who knows none. Null when the state is not remembered.
    /// </summary>
    public long? PositionAfter(string? state)
    {
        lock (gate)
        {
            if (state is null) return dropped + states.Count - 1;
            var index = states.FindLastIndex(s => JobView.StateOf(s) == state);
            return index < 0 ? null : dropped + index + 1;
        }
    }

    /// <summary>What came from a position on, and what completes when more has come.</summary>
    public View From(long position)
    {
        lock (gate)
        {
            var missed = position < dropped;
            var start = (int)(Math.Max(position, dropped) - dropped);
            return new(states[start..], states[^1], dropped + states.Count, missed, closed, changed.Task);
        }
    }

    private void Pulse()
    {
        var now = changed;
        changed = New();
        now.TrySetResult();
    }

    /// <summary>What a status shows. Payloads and results are large, and nobody asks for them here.</summary>
    private static MessageInfo Slim(MessageInfo job) =>
        job with { Body = default, Attempts = [], Result = job.Result is { } result ? new JobResult("", result.ContentType) : null };

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="States">Oldest first.</param>
    /// <param name="Newest">The last state there is, among them or not.</param>
    /// <param name="Next">The position behind them.</param>
    /// <param name="Missed">Some before them are forgotten.</param>
    /// <param name="Closed">No more will come.</param>
    /// <param name="Changed">Completes when this view is no longer the newest.</param>
    public readonly record struct View(
        IReadOnlyList<MessageInfo> States, MessageInfo Newest, long Next, bool Missed, bool Closed, Task Changed);
}
