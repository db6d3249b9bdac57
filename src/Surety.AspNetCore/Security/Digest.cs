using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Surety.AspNetCore.Security;

/// <summary>SHA-256 over parts, each behind its length, so that no two lists of parts give the same bytes.</summary>
internal static class Digest
{
    // What is longer is digested where it lies.
    private const int MostCopied = 16_384;

    /// <summary>Who uses which key where: what an idempotency record is found by. A host without tenants has no part for them.</summary>
    public static byte[] OfKey(string? tenant, string principal, string method, string route, string key) =>
        string.IsNullOrEmpty(tenant) ? Of([], principal, method, route, key) : Of([], tenant, principal, method, route, key);

    /// <summary>What is signed, for one purpose and no other.</summary>
    public static byte[] OfSigned(string purpose, params ReadOnlySpan<string> parts) => Of([], [purpose, .. parts]);

    public static byte[] Of(ReadOnlySpan<byte> tail, params ReadOnlySpan<string> parts)
    {
        var size = tail.Length <= MostCopied ? tail.Length : 0;
        foreach (var part in parts) size += sizeof(int) + Encoding.UTF8.GetMaxByteCount(part.Length);
        var rented = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            var written = 0;
            foreach (var part in parts)
            {
                var length = Encoding.UTF8.GetBytes(part, rented.AsSpan(written + sizeof(int)));
                BinaryPrimitives.WriteInt32LittleEndian(rented.AsSpan(written), length);
                written += sizeof(int) + length;
            }

            // In one go where that is cheap: the library's digest by pieces costs several times as much as one of a small request.
            return tail.Length <= MostCopied ? InOne(rented, written, tail) : ByPieces(rented.AsSpan(0, written), tail);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static byte[] InOne(byte[] buffer, int written, ReadOnlySpan<byte> tail)
    {
        tail.CopyTo(buffer.AsSpan(written));
        return SHA256.HashData(buffer.AsSpan(0, written + tail.Length));
    }

    private static byte[] ByPieces(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        hash.AppendData(tail);
        return hash.GetHashAndReset();
    }
}
