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
