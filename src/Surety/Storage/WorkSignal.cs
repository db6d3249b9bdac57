namespace Surety.Storage;

/// <summary>
/// Tells those who wait that a message may have become claimable. A version, so that a pulse between looking and waiting is not missed.
/// </summary>
internal sealed class WorkSignal
{
    private TaskCompletionSource next = New();
    private long version;

    public long Version => Interlocked.Read(ref version);

    /// <summary>Completes with the next pulse; take it before looking at <see cref="Version"/>.</summary>
    public Task Next => Volatile.Read(ref next).Task;

    public void Pulse()
    {
        Interlocked.Increment(ref version);
        Interlocked.Exchange(ref next, New()).TrySetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
