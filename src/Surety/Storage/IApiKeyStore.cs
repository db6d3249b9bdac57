namespace Surety.Storage;

/// <summary>
/// API keys, stored as digests. Whether one still works is decided here alone, by the store's clock: a node's own may be wrong. That it has
/// ended is a state, which no clock that is set back undoes.
/// </summary>
internal interface IApiKeyStore
{
    /// <summary>Stores a new key.</summary>
    ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel);

    /// <summary>
    /// Finds a key by its public prefix, revoked and expired ones included; null when there is none. One that is found to have expired
    /// stays so, whatever the clock says later.
    /// </summary>
    ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel);

    /// <summary>Keys, newest first, revoked and expired ones included.</summary>
    /// <param name="principal">Only this one's; null everybody's.</param>
    /// <param name="after">
    /// Only those that come after the key of this prefix; null from the newest. After a prefix that does not exist there are none.
    /// </param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancel">Gives up reading.</param>
    ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel);

    /// <summary>Revokes a key for ever, from now. False when there is none, or it was revoked before.</summary>
    ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel);

    /// <summary>
    /// In one transaction: adds a key's successor, and lets the key end after <paramref name="overlap"/> if it does not end before; with no
    /// overlap it is revoked. False, and nothing is added, when there is no such key, or it has ended.
    /// </summary>
    ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel);

    /// <summary>
    /// Notes of every key whose time is over that it has ended, so that no clock that is set back lets it work again. Returns of how many.
    /// </summary>
    ValueTask<int> EndExpiredAsync(CancellationToken cancel);

    /// <summary>
    /// Notes when keys were used last. Never goes back; keys that do not exist are passed over, and a store may pass over those that
    /// somebody else is changing.
    /// </summary>
    ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel);

    /// <summary>
    /// Deletes keys that were revoked or expired, whichever was first, at least <paramref name="keepFor"/> ago; at most
    /// <paramref name="limit"/> a call. Returns how many.
    /// </summary>
    ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel);
}

/// <summary>What is kept of an API key; never the key itself.</summary>
internal sealed record ApiKeyRecord
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

    /// <summary>When it was used last, to about a minute; null when it was not. Not set when a key is added.</summary>
    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>
    /// How long it still works, by the store's clock, from the look-up on; null when no date ends it, and zero when it has ended: revoked,
    /// or expired. Measure it by a clock that does not jump. Not set when a key is added.
    /// </summary>
    public TimeSpan? EndsIn { get; init; }
}
