namespace Surety;

/// <summary>Who gives way when a host is overloaded. Health probes are never refused.</summary>
public enum RequestPriority
{
    /// <summary>Refused from three quarters of the load on that others are still served at: reports, exports, prefetching.</summary>
    Low,

    /// <summary>The default.</summary>
    Normal,

    /// <summary>Served when normal requests are refused already. Operators' API keys are, everywhere.</summary>
    High,
}

/// <summary>An endpoint's priority.</summary>
internal sealed record PriorityMetadata(RequestPriority Priority);

/// <summary>Requests to the endpoint take long without being at work all the time.</summary>
internal sealed record LongRunningMetadata;

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
