namespace Surety;

/// <summary>
/// How many requests each caller may make in a window. The answers tell him, by <c>RateLimit-Policy</c> and <c>RateLimit</c>; beyond it he
/// gets 429 <c>quota-exceeded</c>.
/// </summary>
public sealed class QuotaOptions
{
    /// <summary>Requests in a window, 1 to 1,000,000,000. Default 1,000.</summary>
    public int Permits { get; set; } = 1_000;

    /// <summary>
    /// How long a window is, in whole seconds, 1 s to 1 day. Default 1 min. A caller may spend two windows' permits around the end of one.
    /// </summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Who is counted. Default each principal.</summary>
    public QuotaBy By { get; set; } = QuotaBy.Principal;

    /// <summary>
    /// Counted over all nodes, through the store; default false, each node by itself. Nodes lease a twentieth of the permits at a time, so
    /// a caller whose requests are spread over n nodes may be refused with up to (n - 1) twentieths unspent; he never gets more than the
    /// permits.
    /// </summary>
    public bool Shared { get; set; }

    /// <summary>What becomes of a shared quota while the store does not answer. Default each node counts by itself.</summary>
    public QuotaFallback WhenStoreIsAway { get; set; } = QuotaFallback.CountByNode;

    /// <summary>Holds for every endpoint; default true. False: only for endpoints marked <c>WithQuota(name)</c>.</summary>
    public bool Everywhere { get; set; } = true;
}

/// <summary>Whose requests a quota counts together.</summary>
public enum QuotaBy
{
    /// <summary>Each principal; anonymous callers by address.</summary>
    Principal,

    /// <summary>Each API key; callers with another credential by principal, anonymous ones by address.</summary>
    ApiKey,

    /// <summary>Each IPv4 address, and each /64 of IPv6. Checked before authentication.</summary>
    Address,
}

/// <summary>What a shared quota does while the store does not answer.</summary>
public enum QuotaFallback
{
    /// <summary>Each node goes by what it has counted itself: over n nodes a caller may get up to n times the permits.</summary>
    CountByNode,

    /// <summary>Requests are refused with 503 <c>dependency-unavailable</c>.</summary>
    Refuse,
}
