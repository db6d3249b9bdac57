using System.Collections.Concurrent;
using Surety.Storage;

namespace Surety.AspNetCore;

/// <summary>
/// Remembers looked-up keys, and prefixes that do not exist, for a few seconds, so that a request costs no read. The price: a revoked key works for up to <see cref="Freshness"/> more.
/// </summary>
internal sealed class ApiKeyCache(IApiKeyStore store, TimeProvider time)
{
    public static readonly TimeSpan Freshness = TimeSpan.FromSeconds(5);
    private const int MaxEntries = 4_096;

    private readonly ConcurrentDictionary<string, (ApiKeyRecord? Key, long At)> entries = new(StringComparer.Ordinal);

    /// <param name="prefix">The key's public part.</param>
    /// <param name="evenIfOld">What was known last will do when the store cannot be asked.</param>
    /// <param name="cancel">Gives up reading.</param>
    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, bool evenIfOld, CancellationToken cancel)
    {
        if (entries.TryGetValue(prefix, out var entry) && time.GetElapsedTime(entry.At) < Freshness) return entry.Key;

        // Counted from before the read: what it returns may be that old.
        var at = time.GetTimestamp();
        try
        {
            entry = (await store.FindAsync(prefix, cancel), at);
        }
        catch (StoreException) when (evenIfOld)
        {
            return entry.Key;
        }

        if (entries.Count >= MaxEntries) entries.Clear();
        entries[prefix] = entry;
        return entry.Key;
    }

    /// <summary>What was known last, however old, without asking.</summary>
    public ApiKeyRecord? Known(string prefix) => entries.TryGetValue(prefix, out var entry) && entry.Key is { RevokedAt: null } key && !(key.ExpiresAt <= time.GetUtcNow()) ? key : null;

    /// <summary>The key was changed here: the next request asks the store.</summary>
    public void Forget(string prefix) => entries.TryRemove(prefix, out _);
}
