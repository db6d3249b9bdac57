using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Surety.AspNetCore.Security;

/// <summary>The form of an API key: <c>sk_</c>, a public prefix, <c>_</c>, a secret. Pure.</summary>
internal static class ApiKeyText
{
    public const string Start = "sk_";
    public const int MaxLength = 200;
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    /// <summary>The public part of something that has a key's form.</summary>
    public static bool TryReadPrefix(string key, out string prefix)
    {
        prefix = "";
        if (key.Length > MaxLength || !key.StartsWith(Start, StringComparison.Ordinal)) return false;
        var end = key.IndexOf('_', Start.Length);
        if (end <= Start.Length || end == key.Length - 1) return false;
        prefix = key[Start.Length..end];
        return !prefix.AsSpan().ContainsAnyExcept(Digits);
    }

    public static byte[] DigestOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>Whether the digest is the key's; takes as long whichever of its bytes differ.</summary>
    public static bool Matches(string key, ReadOnlySpan<byte> digest)
    {
        // Longer ones have no prefix, and so no digest to be compared with: they only have to fail.
        if (key.Length > MaxLength) return false;
        Span<byte> text = stackalloc byte[Encoding.UTF8.GetMaxByteCount(MaxLength)];
        Span<byte> own = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[..Encoding.UTF8.GetBytes(key, text)], own);
        return CryptographicOperations.FixedTimeEquals(own, digest);
    }
}
