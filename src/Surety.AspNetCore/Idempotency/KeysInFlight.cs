using System.Collections.Concurrent;

namespace Surety.AspNetCore;

/// <summary>
/// The keys whose first request this process is working on. Only saves repeats from queueing for a transaction to learn that they are too early: the store decides between processes.
/// </summary>
internal sealed class KeysInFlight
{
    private readonly ConcurrentDictionary<string, bool> digests = new(StringComparer.Ordinal);

    public bool Contains(byte[] digest) => digests.ContainsKey(Convert.ToHexString(digest));

    public bool TryEnter(byte[] digest) => digests.TryAdd(Convert.ToHexString(digest), true);

    public void Leave(byte[] digest) => digests.TryRemove(Convert.ToHexString(digest), out _);
}
