using System.Security.Cryptography;
using System.Text;

namespace Surety.AspNetCore;

/// <summary>The form of an API key: <c>sk_</c>, a public prefix, <c>_</c>, a secret. Pure.</summary>
internal static class ApiKeyText
{
    public const string Start = "sk_";
    public const int MaxLength = 200;

    /// <summary>The public part of something that has a key's form.</summary>
    public static bool TryReadPrefix(string key, out string prefix)
    {
        prefix = "";
        if (key.Length > MaxLength || !key.StartsWith(Start, StringComparison.Ordinal)) return false;
        var end = key.IndexOf('_', Start.Length);
        if (end <= Start.Length || end == key.Length - 1) return false;
        prefix = key[Start.Length..end];
        return prefix.All(char.IsAsciiHexDigitLower);
    }

    public static byte[] DigestOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
