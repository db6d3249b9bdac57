using Surety.Coordination;

namespace Surety.Processing;

/// <summary>
/// Who runs on this node, over all its queues: any number of ordinary attempts, or one message alone. A process dies as a whole, so only
/// what ran while nothing else did is certainly to blame.
/// </summary>
internal sealed class Company(TimeProvider time)
{
    private readonly Lock gate = new();
    private int running;
    private int deserters;
    private bool closed;
    private TaskCompletionSource<bool> entrance = New();
    private TaskCompletionSource<bool>? quiet;

    /// <summary>Whether handlers still run that were asked to stop and whose slots were given away: nobody knows for how long.</summary>
    public bool HasDeserters
    {
        get { lock (gate) return deserters > 0; }
    }

    /// <summary>Completes when ordinary attempts are let in, which they nearly always are.</summary>
    public Task Opened
    {
        get { lock (gate) return closed ? entrance.Task : Task.CompletedTask; }
    }

    /// <summary>Joins the ordinary attempts; waits while one message runs alone. False when it was turned away and must not run.</summary>
    public ValueTask<bool> EnterAsync()
    {
        lock (gate)
        {
            if (closed) return new ValueTask<bool>(WaitAsync(entrance.Task));
            running++;
            return new ValueTask<bool>(true);
        }
    }

    public void Leave()
    {
        lock (gate)
        {
            running--;
            SayIfQuiet();
        }
    }

    /// <summary>A handler goes on though its attempt is over.</summary>
    public void Desert()
    {
        lock (gate) deserters++;
    }

    /// <summary>It has ended.</summary>
    public void DeserterEnded()
    {
        lock (gate)
        {
            deserters--;
            SayIfQuiet();
        }
    }

    /// <summary>
    /// Lets nobody in any more and waits until nothing runs; false, and everybody is let in again, when that takes longer than this.
    /// </summary>
    public async Task<bool> ClearAsync(TimeSpan patience, CancellationToken cancel)
    {
        Task quieted;
        lock (gate)
        {
            closed = true;
            quiet = New();
            SayIfQuiet();
            quieted = quiet.Task;
        }

        if (!quieted.IsCompleted) await quieted.WaitAsync(patience, time, cancel).ConfigureAwait(Home.Quietly);
        lock (gate)
        {
            quiet = null;
            if (running == 0 && deserters == 0 && !cancel.IsCancellationRequested) return true;
        }

        LetIn();
        return false;
    }

    /// <summary>Ends what <see cref="ClearAsync"/> began.</summary>
    public void LetIn()
    {
        TaskCompletionSource<bool> waiting;
        lock (gate)
        {
            closed = false;
            (waiting, entrance) = (entrance, New());
        }

        waiting.TrySetResult(true);
    }

    /// <summary>Sends away those who wait: the host stops, or what they hold is lost.</summary>
    public void TurnAway()
    {
        TaskCompletionSource<bool> waiting;
        lock (gate) (waiting, entrance) = (entrance, New());
        waiting.TrySetResult(false);
    }

    private async Task<bool> WaitAsync(Task<bool> entering)
    {
        while (await entering)
        {
            lock (gate)
            {
                if (!closed)
                {
                    running++;
                    return true;
                }

                entering = entrance.Task;
            }
        }

        return false;
    }

    /// <summary>The gate is held.</summary>
    private void SayIfQuiet()
    {
        if (running == 0 && deserters == 0) quiet?.TrySetResult(true);
    }

    private static TaskCompletionSource<bool> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
