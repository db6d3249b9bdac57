using System.Security.Cryptography;
using Surety.AspNetCore;
using Surety.Storage;

namespace Surety;

/// <summary>Makes, lists and revokes API keys. Injected as a singleton.</summary>
public sealed class ApiKeys
{
    private readonly IApiKeyStore store;
    private readonly ApiKeyCache cache;
    private readonly TimeProvider time;

    internal ApiKeys(IApiKeyStore store, ApiKeyCache cache, TimeProvider time) => (this.store, this.cache, this.time) = (store, cache, time);

    /// <summary>Makes a key of 256 random bits. Only its digest is stored, so this is the one time it can be shown.</summary>
    /// <param name="principal">Who acts with it; 1 to 200 characters. Several keys may have one principal: that is how a key is replaced.</param>
    /// <param name="scopes">What it may do; each becomes a claim of type <c>scope</c>. <c>operator</c> opens every job and the verbose health page. At most 32.</param>
    /// <param name="expiresAt">When it stops working by itself; null never.</param>
    /// <param name="cancel">Gives up before the key is stored.</param>
    /// <exception cref="ArgumentException">The principal or a scope is empty or too long, or the key would have expired already.</exception>
    public async Task<NewApiKey> CreateAsync(string principal, IReadOnlyCollection<string> scopes, DateTimeOffset? expiresAt = null, CancellationToken cancel = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(principal);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(principal.Length, 200, nameof(principal));
        ArgumentNullException.ThrowIfNull(scopes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scopes.Count, 32, nameof(scopes));
        if (expiresAt <= time.GetUtcNow()) throw new ArgumentOutOfRangeException(nameof(expiresAt), expiresAt, "The key would have expired already.");
        if (scopes.Any(scope => string.IsNullOrWhiteSpace(scope) || scope.Length > 100)) throw new ArgumentException("A scope must be 1 to 100 characters.", nameof(scopes));

        var prefix = RandomNumberGenerator.GetHexString(12, lowercase: true);
        var secret = $"{ApiKeyText.Start}{prefix}_{RandomNumberGenerator.GetHexString(64, lowercase: true)}";
        var record = new ApiKeyRecord
        {
            Prefix = prefix, Digest = ApiKeyText.DigestOf(secret), Principal = principal, Scopes = [.. scopes], CreatedAt = time.GetUtcNow(), ExpiresAt = expiresAt,
        };
        await store.AddAsync(record, cancel);
        return new NewApiKey(prefix, secret);
    }

    /// <summary>All keys, newest first, revoked and expired ones included; at most 1,000.</summary>
    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(CancellationToken cancel = default) =>
        [.. (await store.ListAsync(cancel)).Select(key => new ApiKeyInfo(key.Prefix, key.Principal, key.Scopes, key.CreatedAt, key.ExpiresAt, key.RevokedAt))];

    /// <summary>Revokes a key for ever: in this process from now on, in others within 5 s.</summary>
    /// <param name="prefix">The key's public part.</param>
    /// <param name="cancel">Gives up before the change is sent.</param>
    /// <returns>False when there is no such key, or it was revoked before.</returns>
    public async Task<bool> RevokeAsync(string prefix, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        var revoked = await store.RevokeAsync(prefix, cancel);
        cache.Forget(prefix);
        return revoked;
    }
}

/// <summary>What is known of a key; never the key itself.</summary>
/// <param name="Prefix">Its public part.</param>
/// <param name="Principal">Who acts with it.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it stops working by itself; null never.</param>
/// <param name="RevokedAt">When it was revoked; null when it was not.</param>
public sealed record ApiKeyInfo(string Prefix, string Principal, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? RevokedAt);

/// <summary>A key that was just made.</summary>
/// <param name="Prefix">Its public part, by which it is listed and revoked.</param>
/// <param name="Secret">The whole key, <c>sk_…</c>, for the <c>Authorization: Bearer</c> header. Not stored anywhere: hand it over and forget it.</param>
public sealed record NewApiKey(string Prefix, string Secret)
{
    /// <summary>Leaves the secret out, so that it cannot reach a log by accident.</summary>
    public override string ToString() => $"NewApiKey {{ Prefix = {Prefix} }}";
}
