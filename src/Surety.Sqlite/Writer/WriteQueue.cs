using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

// Waits for the database are real, whatever clock the host was given: by one that stands still they would never end.
#pragma warning disable RS0030

namespace Surety.Sqlite.Writer;

/// <summary>Those who wait for the write lock: first come, first served, with a limit on their number and on their patience.</summary>
internal sealed class WriteQueue : IDisposable
{
    private readonly Queue<WriteItem> items = new();
    private readonly Lock gate = new();
    private readonly int capacity;
    private readonly TimeSpan limit;
    private readonly Timer sweep;
    private TaskCompletionSource<bool>? waiter;
    private bool closed;

    public WriteQueue(int capacity, TimeSpan limit)
    {
        (this.capacity, this.limit) = (capacity, limit);
        var period = limit / 4;
        sweep = new Timer(static self => ((WriteQueue)self!).Sweep(), this, period, period);
    }

    public bool IsEmpty
    {
        get
        {
            lock (gate) return items.Count == 0;
        }
    }

    public void Add(WriteItem item, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        // Before it can be taken, so that taking it finds the registration to undo.
        if (cancel.CanBeCanceled)
        {
            item.Registration = cancel.UnsafeRegister(
                static (self, token) => ((WriteItem)self!).TryAbandon(new OperationCanceledException(token)), item);
        }

        try
        {
            Add(item);
        }
        catch (StoreException)
        {
            item.Registration.Unregister();
            throw;
        }
    }

    private void Add(WriteItem item)
    {
        TaskCompletionSource<bool>? wake;
        lock (gate)
        {
            if (closed) throw new StoreException("The store is closed.");
            if (items.Count >= capacity)
            {
                throw new StoreException(
                    $"{capacity} writes are waiting for their turn already (MaxWaitingWriters). The database is slower than what it is "
                        + "asked to do; try again later.",
                    isTransient: true);
            }

            items.Enqueue(item);
            (wake, waiter) = (waiter, null);
        }

        wake?.TrySetResult(true);
    }

    /// <summary>Waits until somebody is waiting; false when the queue is closed and empty.</summary>
    public ValueTask<bool> WaitAsync()
    {
        lock (gate)
        {
            if (items.Count > 0) return new(true);
            if (closed) return new(false);
            waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new(waiter.Task);
        }
    }

    /// <summary>Takes the next one that has not given up.</summary>
    public bool TryTake([NotNullWhen(true)] out WriteItem? item)
    {
        lock (gate)
        {
            while (items.TryDequeue(out item))
            {
                if (item.TryTake()) return true;
            }

            return false;
        }
    }

    public void Close()
    {
        TaskCompletionSource<bool>? wake;
        lock (gate)
        {
            closed = true;
            (wake, waiter) = (waiter, null);
        }

        wake?.TrySetResult(false);
    }

    /// <summary>Only once nobody waits any more: who still does when it closes has his limit, too.</summary>
    public void Dispose() => sweep.Dispose();

    /// <summary>Turns away those whose limit is over, the oldest first.</summary>
    private void Sweep()
    {
        lock (gate)
        {
            while (items.TryPeek(out var item) && Stopwatch.GetElapsedTime(item.EnqueuedAt) >= limit)
            {
                items.Dequeue();
                item.TryAbandon(new StoreException(
                    $"The write waited {limit.TotalSeconds} s for the database's write lock (WriteWaitLimit). Something holds it: a long "
                        + "transaction, here or in another process. Nothing was stored.",
                    isTransient: true));
            }
        }
    }
}
