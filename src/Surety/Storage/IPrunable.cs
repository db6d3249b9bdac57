namespace Surety.Storage;

/// <summary>Keeps things for a while. What is registered as a service of this type is pruned by every working node.</summary>
public interface IPrunable
{
    /// <summary>Deletes what is over; at most <paramref name="limit"/> a call. Returns how many.</summary>
    ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken);
}
