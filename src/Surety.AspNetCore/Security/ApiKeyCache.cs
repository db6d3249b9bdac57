using System.Collections.Concurrent;
using Surety.Storage;

namespace Surety.AspNetCore.Security;

/// <summary>
/// Remembers looked-up keys, and prefixes that do not exist, for a few seconds, so that a request costs no read. The price: a revoked key
/// works for up to <see cref="Freshness"/> more. How long a key works is the store's word; here it is only measured, by the clock that does
/// not jump. This node's own wall clock may be wrong, and is not asked.
/// </summary>
internal sealed class ApiKeyCache(IApiKeyStore store, TimeProvider time)
{
    public static readonly TimeSpan Freshness = TimeSpan.FromSeconds(5);
    private const int MaxEntries = 4_096;

    private readonly ConcurrentDictionary<string, (ApiKeyRecord? Key, long At)> entries = new(StringComparer.Ordinal);
    private readonly Lock gate = new();
    private int changes;

    /// <summary>The key, if it works now.</summary>
    /// <param name="prefix">The key's public part.</param>
    /// <param name="evenIfOld">What was known last will do when the store cannot be asked.</param>
    /// <param name="cancel">Gives up reading.</param>
    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, bool evenIfOld, CancellationToken cancel)
    {
        if (entries.TryGetValue(prefix, out var entry) && time.GetElapsedTime(entry.At) < Freshness) return Working(entry);

        // Counted from before the read: what it returns may be that old.
        var at = time.GetTimestamp();
        var before = Volatile.Read(ref changes);
        try
        {
            entry = (await store.FindAsync(prefix, cancel), at);
        }
        catch (StoreException) when (evenIfOld)
        {
            return Working(entry);
        }

        Remember(prefix, entry, before);
        return Working(entry);
    }

    /// <summary>What was known last, however old, without asking; null when that does not work any more.</summary>
    public ApiKeyRecord? Known(string prefix) => entries.TryGetValue(prefix, out var entry) ? Working(entry) : null;

    /// <summary>The key was changed here: the next request asks the store.</summary>
    public void Forget(string prefix)
    {
        lock (gate)
        {
            changes++;
            entries.TryRemove(prefix, out _);
        }
    }

    private ApiKeyRecord? Working((ApiKeyRecord? Key, long At) entry) =>
        entry.Key is { } key && !(key.EndsIn <= time.GetElapsedTime(entry.At)) ? key : null;

    private void Remember(string prefix, (ApiKeyRecord? Key, long At) entry, int before)
    {
        lock (gate)
        {
            // Read before a change here, and perhaps of the key that was changed: it must not come back.
            if (changes != before) return;
            if (entries.Count >= MaxEntries) MakeRoom();
            entries[prefix] = entry;
        }
    }

    /// <summary>A client that makes up prefixes must not make the host forget the keys that are used, an operator's above all.</summary>
    private void MakeRoom()
    {
        foreach (var (prefix, entry) in entries)
            if (entry.Key is null) entries.TryRemove(prefix, out _);
        if (entries.Count > MaxEntries / 2) entries.Clear();
    }
}
