using System.Collections.Concurrent;

namespace Surety.Tests;

/// <summary>A synchronization context that runs everything on one thread of its own, as a window's does.</summary>
public sealed class OneThread : SynchronizationContext, IDisposable
{
    private readonly BlockingCollection<(SendOrPostCallback Run, object? State)> posted = [];
    private readonly Thread thread;

    public OneThread()
    {
        thread = new Thread(() =>
        {
            SetSynchronizationContext(this);
            foreach (var (run, state) in posted.GetConsumingEnumerable()) run(state);
        })
        { IsBackground = true, Name = "the one thread" };
        thread.Start();
    }

    /// <summary>Whether the caller runs on it.</summary>
    public bool IsHere => Thread.CurrentThread == thread;

    public override void Post(SendOrPostCallback d, object? state)
    {
        try
        {
            posted.Add((d, state));
        }
        catch (InvalidOperationException)
        {
            // It has ended; what comes after that is nobody's any more.
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs it there.</summary>
    public Task RunAsync(Func<Task> run)
    {
        var ended = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(_ => ended.SetResult(run()), null);
        return ended.Task.Unwrap();
    }

    public void Dispose() => posted.CompleteAdding();
}
