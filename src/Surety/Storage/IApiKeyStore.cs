namespace Surety.Storage;

/// <summary>API keys, stored as digests.</summary>
public interface IApiKeyStore
{
    /// <summary>Stores a new key.</summary>
    ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel);

    /// <summary>Finds a key by its public prefix, revoked and expired ones included; null when there is none.</summary>
    ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel);

    /// <summary>All keys, newest first; at most 1,000.</summary>
    ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(CancellationToken cancel);

    /// <summary>Revokes a key for ever, from now. False when there is none, or it was revoked before.</summary>
    ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel);
}

/// <summary>What is kept of an API key; never the key itself.</summary>
public sealed record ApiKeyRecord
{
    /// <summary>The key's public part, unique, shown in lists and logs.</summary>
    public required string Prefix { get; init; }

    /// <summary>SHA-256 of the whole key; 32 bytes. Keys are 256 random bits, so a slow hash would add nothing.</summary>
    public required ReadOnlyMemory<byte> Digest { get; init; }

    /// <summary>Who acts with it: the tenant of idempotency keys and jobs.</summary>
    public required string Principal { get; init; }

    /// <summary>What it may do.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it stops working by itself; null never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was revoked; null when it was not.</summary>
    public DateTimeOffset? RevokedAt { get; init; }
}
