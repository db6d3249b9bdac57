using System.Security.Cryptography;
using Surety.AspNetCore;
using Surety.Storage;

namespace Surety;

/// <summary>Makes API keys. Injected as a singleton.</summary>
public sealed class ApiKeys
{
    private readonly IApiKeyStore store;
    private readonly TimeProvider time;

    internal ApiKeys(IApiKeyStore store, TimeProvider time) => (this.store, this.time) = (store, time);

    /// <summary>Makes a key of 256 random bits. Only its digest is stored, so this is the one time it can be shown.</summary>
    /// <param name="principal">Who acts with it; 1 to 200 characters. Several keys may have one principal: that is how a key is replaced.</param>
    /// <param name="scopes">What it may do; each becomes a claim of type <c>scope</c>. <c>operator</c> opens every job and the verbose health page. At most 32.</param>
    /// <param name="expiresAt">When it stops working by itself; null never.</param>
    /// <param name="cancel">Gives up before the key is stored.</param>
    /// <exception cref="ArgumentException">The principal or a scope is empty or too long.</exception>
    public async Task<NewApiKey> CreateAsync(string principal, IReadOnlyCollection<string> scopes, DateTimeOffset? expiresAt = null, CancellationToken cancel = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(principal);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(principal.Length, 200, nameof(principal));
        ArgumentNullException.ThrowIfNull(scopes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scopes.Count, 32, nameof(scopes));
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
}

/// <summary>A key that was just made.</summary>
/// <param name="Prefix">Its public part, by which it is listed and revoked.</param>
/// <param name="Secret">The whole key, <c>sk_…</c>, for the <c>Authorization: Bearer</c> header. Not stored anywhere: hand it over and forget it.</param>
public sealed record NewApiKey(string Prefix, string Secret)
{
    /// <summary>Leaves the secret out, so that it cannot reach a log by accident.</summary>
    public override string ToString() => $"NewApiKey {{ Prefix = {Prefix} }}";
}
