namespace Surety.Storage;

/// <summary>
/// Counts what callers use of their quotas, over all nodes. A node leases permits in chunks and spends them by itself; what it has not
/// spent when the window ends is lost, so a quota is never exceeded, and may be undershot. Pruning deletes the counts of windows that are
/// over.
/// </summary>
internal interface IQuotaStore : IPrunable
{
    /// <summary>
    /// Takes permits out of what the key has left in the present window. Windows are as long as asked for and follow each other by the
    /// store's clock.
    /// </summary>
    /// <param name="key">Who, and of which quota; at most 64 bytes, a digest.</param>
    /// <param name="want">How many permits at most; positive.</param>
    /// <param name="permits">How many there are in a window; positive.</param>
    /// <param name="window">How long a window is, in whole milliseconds; 1 s or more.</param>
    /// <param name="cancel">Gives up before the change is sent.</param>
    ValueTask<LeasedPermits> LeaseAsync(ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel);
}

/// <summary>What a node got of a quota.</summary>
/// <param name="Granted">How many permits it may spend before the window ends; zero when none are left.</param>
/// <param name="Left">How many are left for others.</param>
/// <param name="EndsIn">How long the window still lasts; positive.</param>
internal readonly record struct LeasedPermits(int Granted, int Left, TimeSpan EndsIn);
