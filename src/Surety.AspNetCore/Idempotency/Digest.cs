using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Surety.AspNetCore;

/// <summary>SHA-256 over parts, each behind its length, so that no two lists of parts give the same bytes.</summary>
internal static class Digest
{
    /// <summary>Who uses which key where: what an idempotency record is found by.</summary>
    public static byte[] OfKey(string principal, string method, string route, string key) => Of([], principal, method, route, key);

    /// <summary>What was asked: the same key with another fingerprint is a client's mistake.</summary>
    public static byte[] OfRequest(string method, string target, string? contentType, ReadOnlySpan<byte> body) => Of(body, method, target, contentType ?? "");

    /// <summary>What is signed, for one purpose and no other.</summary>
    public static byte[] OfSigned(string purpose, params ReadOnlySpan<string> parts) => Of([], [purpose, .. parts]);

    private static byte[] Of(ReadOnlySpan<byte> tail, params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        hash.AppendData(tail);
        return hash.GetHashAndReset();
    }
}
