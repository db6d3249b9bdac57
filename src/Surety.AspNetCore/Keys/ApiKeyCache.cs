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

    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
    {
        if (entries.TryGetValue(prefix, out var entry) && time.GetElapsedTime(entry.At) < Freshness) return entry.Key;

        // Counted from before the read: what it returns may be that old.
        var at = time.GetTimestamp();
        var key = await store.FindAsync(prefix, cancel);
        if (entries.Count >= MaxEntries) entries.Clear();
        entries[prefix] = (key, at);
        return key;
    }
}
