using System.Runtime.CompilerServices;

namespace Surety.Coordination;

/// <summary>
/// Where a host's loops, attempts and handlers run: on the thread pool, or all of them on a context that a test gives and that has one
/// thread. They go there when they begin. The core never awaits with <c>ConfigureAwait(false)</c>, so they come back after what the store
/// did on threads of its own.
/// </summary>
internal sealed class Home(SynchronizationContext? context = null)
{
    /// <summary>For awaits that must not throw: without the second option they would leave the context.</summary>
    public const ConfigureAwaitOptions Quietly = ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext;

    /// <summary>Runs it there, behind what waits already.</summary>
    public void Post<T>(Action<T> run, T state)
    {
        if (context is null) OnPool(run, state);
        else context.Post(static posted => ((Posted<T>)posted!).Run(), new Posted<T>(run, state));
    }

    /// <summary>What comes after <c>await home</c> runs there, and whatever that awaits comes back there.</summary>
    public Awaiter GetAwaiter() => new(this);

#pragma warning disable RS0030 // The one place of the core that knows the pool.
    private static void OnPool<T>(Action<T> run, T state) => ThreadPool.UnsafeQueueUserWorkItem(run, state, preferLocal: false);
#pragma warning restore RS0030

    private sealed record Posted<T>(Action<T> Action, T State)
    {
        public void Run() => Action(State);
    }

    public readonly struct Awaiter(Home home) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => home.Post(static run => run(), continuation);

        public void UnsafeOnCompleted(Action continuation) => home.Post(static run => run(), continuation);
    }
}
