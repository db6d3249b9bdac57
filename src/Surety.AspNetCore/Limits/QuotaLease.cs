using System.Threading.RateLimiting;

namespace Surety.AspNetCore.Limits;

/// <summary>A quota's answer to one request.</summary>
internal sealed class QuotaLease(bool isAcquired, int remaining, TimeSpan reset, bool storeIsAway = false) : RateLimitLease
{
    public override bool IsAcquired => isAcquired;

    public override IEnumerable<string> MetadataNames => [MetadataName.RetryAfter.Name];

    /// <summary>What the caller may still use before <see cref="Reset"/>.</summary>
    public int Remaining => remaining;

    /// <summary>How long until the window ends.</summary>
    public TimeSpan Reset => reset;

    /// <summary>Refused because nobody could be asked, not because the quota is used up.</summary>
    public bool StoreIsAway => storeIsAway;

    public override bool TryGetMetadata(string metadataName, out object? metadata)
    {
        metadata = !isAcquired && metadataName == MetadataName.RetryAfter.Name ? reset : null;
        return metadata is not null;
    }
}
