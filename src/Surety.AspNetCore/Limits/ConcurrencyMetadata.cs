namespace Surety.AspNetCore.Limits;

/// <summary>At most so many requests at once, to one endpoint or to all of a group.</summary>
internal sealed class ConcurrencyMetadata(int most)
{
    private int now;

    public int Most => most;

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref now) <= most) return true;
        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref now);
}
