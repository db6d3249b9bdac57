using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// The keys whose first request this process is working on. Only saves repeats from queueing for a transaction to learn that they are too
/// early: the store decides between processes.
/// </summary>
internal sealed class KeysInFlight
{
    private readonly ConcurrentDictionary<byte[], bool> digests = new(new ByBytes());

    public bool Contains(byte[] digest) => digests.ContainsKey(digest);

    public bool TryEnter(byte[] digest) => digests.TryAdd(digest, true);

    public void Leave(byte[] digest) => digests.TryRemove(digest, out _);

    private sealed class ByBytes : IEqualityComparer<byte[]>
    {
        public bool Equals(byte[]? one, byte[]? other) => one.AsSpan().SequenceEqual(other);

        // A digest's bytes are as good as a hash of them.
        public int GetHashCode([DisallowNull] byte[] digest) => MemoryMarshal.Read<int>(digest);
    }
}
