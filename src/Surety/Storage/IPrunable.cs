namespace Surety.Storage;

/// <summary>A noun that keeps things for a while. A store that adds one (<c>AddStore</c>) has it pruned by every working node.</summary>
public interface IPrunable
{
    /// <summary>Deletes what is over; at most <paramref name="limit"/> a call. Returns how many.</summary>
    ValueTask<int> PruneAsync(int limit, CancellationToken cancel);
}
