using System.Security.Cryptography;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety;

/// <summary>Makes, lists, rotates and revokes API keys. Injected as a singleton.</summary>
public sealed class ApiKeys
{
    private const int MostListed = 1_000;
    private static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(90);

    private readonly IApiKeyStore store;
    private readonly IStore opened;
    private readonly ApiKeyCache cache;
    private readonly TimeProvider time;

    internal ApiKeys(IApiKeyStore store, IStore opened, ApiKeyCache cache, TimeProvider time) =>
        (this.store, this.opened, this.cache, this.time) = (store, opened, cache, time);

    /// <summary>Makes a key of 256 random bits. Only its digest is stored, so this is the one time it can be shown.</summary>
    /// <param name="principal">Who acts with it; 1 to 255 characters. Several keys may have one principal, and share what is its.</param>
    /// <param name="scopes">
    /// What it may do; each becomes a claim of type <c>scope</c>. <c>operator</c> opens every job and the verbose health page. At most 32,
    /// each 1 to 100 visible ASCII characters without spaces, quotes and backslashes, as OAuth 2.0 has it.
    /// </param>
    /// <param name="expiresAt">
    /// When it stops working by itself, by the store's clock; null, or an instant of the year 9999, never. Once it has, it has for ever.
    /// </param>
    /// <param name="cancellationToken">Gives up before the key is stored.</param>
    /// <exception cref="ArgumentException">
    /// The principal or a scope is empty, too long or of other characters, or the key would have expired already.
    /// </exception>
    public async Task<NewApiKey> CreateAsync(
        string principal, IReadOnlyCollection<string> scopes, DateTimeOffset? expiresAt = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(principal);
        opened.ThrowIfBeside(nameof(CreateAsync));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(principal.Length, StoredText.LongestOwner, nameof(principal));
        ArgumentNullException.ThrowIfNull(scopes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scopes.Count, 32, nameof(scopes));
        ThrowIfPast(expiresAt);
        // What cannot be stored as it is would become another principal's name.
        if (!StoredText.IsStorable(principal)) throw new ArgumentException($"The principal {StoredText.Fault}.", nameof(principal));
        // A claim of another scheme may hold many scopes with spaces between them; one that held a space would be two.
        if (scopes.Any(scope => scope.Length is 0 or > 100 || scope.AsSpan().ContainsAnyExceptInRange('!', '~')
            || scope.AsSpan().ContainsAny('"', '\\')))
            throw new ArgumentException(
                "A scope must be 1 to 100 visible ASCII characters without spaces, quotes and backslashes.", nameof(scopes));

        var (record, key) = Make(principal, [.. scopes], expiresAt);
        await store.AddAsync(record, cancellationToken);
        return key;
    }

    /// <summary>
    /// Makes a key that takes another one's place, with its principal and scopes; both work for a while, so that the program that uses the
    /// key can change over. A caller that did not hear the answer rotates again, and revokes the successor that was never used.
    /// </summary>
    /// <param name="prefix">The public part of the key to replace.</param>
    /// <param name="overlap">
    /// How long that key still works, unless it expires before; zero to 90 days, by the store's clock. It ends as an expired one does: in
    /// this process at that moment, in others, too. With zero it is revoked.
    /// </param>
    /// <param name="expiresAt">When the new key stops working by itself; null, or an instant of the year 9999, never.</param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    /// <returns>Null when there is no such key, or it has ended.</returns>
    /// <exception cref="ArgumentException">The overlap is out of its range, or the new key would have expired already.</exception>
    public async Task<NewApiKey?> RotateAsync(
        string prefix, TimeSpan overlap, DateTimeOffset? expiresAt, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentOutOfRangeException.ThrowIfLessThan(overlap, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(overlap, LongestOverlap);
        ThrowIfPast(expiresAt);
        opened.ThrowIfBeside(nameof(RotateAsync));
        if (!StoredText.IsStorable(prefix)) return null;
        if (await store.FindAsync(prefix, cancellationToken) is not { } old) return null;
        var (record, key) = Make(old.Principal, old.Scopes, expiresAt);
        var rotated = await store.RotateAsync(prefix, record, overlap, cancellationToken);
        cache.Forget(prefix);
        return rotated ? key : null;
    }

    /// <summary>Keys, newest first, revoked and expired ones included.</summary>
    /// <param name="principal">Only this one's; null everybody's.</param>
    /// <param name="after">
    /// Only those that come after the key of this prefix, the last one of the page before; null from the newest.
    /// </param>
    /// <param name="limit">At most so many, 1 to 1,000.</param>
    /// <param name="cancellationToken">Gives up reading.</param>
    public async Task<IReadOnlyList<ApiKeyInfo>> ListAsync(
        string? principal = null, string? after = null, int limit = MostListed, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MostListed);
        if (!StoredText.IsStorable(principal) || !StoredText.IsStorable(after)) return [];
        return [.. (await store.ListAsync(principal, after, limit, cancellationToken)).Select(Info)];
    }

    /// <summary>What is known of one key; null when there is none of this prefix.</summary>
    public async Task<ApiKeyInfo?> FindAsync(string prefix, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return StoredText.IsStorable(prefix) && await store.FindAsync(prefix, cancellationToken) is { } key ? Info(key) : null;
    }

    /// <summary>Revokes a key for ever: in this process from now on, in others within 5 s.</summary>
    /// <param name="prefix">The key's public part.</param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    /// <returns>False when there is no such key, or it was revoked before.</returns>
    public async Task<bool> RevokeAsync(string prefix, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        opened.ThrowIfBeside(nameof(RevokeAsync));
        var revoked = StoredText.IsStorable(prefix) && await store.RevokeAsync(prefix, cancellationToken);
        cache.Forget(prefix);
        return revoked;
    }

    private void ThrowIfPast(DateTimeOffset? expiresAt)
    {
        if (expiresAt <= time.GetUtcNow())
            throw new ArgumentOutOfRangeException(nameof(expiresAt), expiresAt, "The key would have expired already.");
    }

    private (ApiKeyRecord Record, NewApiKey Key) Make(string principal, IReadOnlyList<string> scopes, DateTimeOffset? expiresAt)
    {
        var prefix = RandomNumberGenerator.GetHexString(12, lowercase: true);
        var secret = $"{ApiKeyText.Start}{prefix}_{RandomNumberGenerator.GetHexString(64, lowercase: true)}";
        var record = new ApiKeyRecord
        {
            Prefix = prefix, Digest = ApiKeyText.DigestOf(secret), Principal = principal, Scopes = scopes, CreatedAt = time.GetUtcNow(),
            // As DateTimeOffset.MaxValue, which databases take for a point at infinity.
            ExpiresAt = expiresAt?.UtcDateTime.Year == DateTimeOffset.MaxValue.Year ? null : expiresAt,
        };
        return (record, new NewApiKey(prefix, secret));
    }

    private static ApiKeyInfo Info(ApiKeyRecord key) =>
        new(key.Prefix, key.Principal, key.Scopes, key.CreatedAt, key.ExpiresAt, key.RevokedAt, key.UsedAt);
}

/// <summary>What is known of a key; never the key itself.</summary>
/// <param name="Prefix">Its public part.</param>
/// <param name="Principal">Who acts with it.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it stops working by itself; null never.</param>
/// <param name="RevokedAt">When it was revoked; null when it was not.</param>
/// <param name="UsedAt">
/// When it was used last; null when it was not. Noted once a minute for all keys together, and at shutdown: a process that is killed
/// forgets its last minute.
/// </param>
public sealed record ApiKeyInfo(
    string Prefix, string Principal, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt,
        DateTimeOffset? RevokedAt, DateTimeOffset? UsedAt);

/// <summary>A key that was just made.</summary>
/// <param name="Prefix">Its public part, by which it is listed and revoked.</param>
/// <param name="Secret">
/// The whole key, <c>sk_…</c>, for the <c>Authorization: Bearer</c> header. Not stored anywhere: hand it over and forget it.
/// </param>
public sealed record NewApiKey(string Prefix, string Secret)
{
    /// <summary>Leaves the secret out, so that it cannot reach a log by accident.</summary>
    public override string ToString() => $"NewApiKey {{ Prefix = {Prefix} }}";
}
