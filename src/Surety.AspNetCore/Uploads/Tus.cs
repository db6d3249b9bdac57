using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Surety.AspNetCore.Uploads;

/// <summary>Reads and writes the headers of tus 1.0.0. Pure.</summary>
internal static class Tus
{
    private const int MostPairs = 32;
    private const int MostMetadata = 4_096;

    public static bool TryReadNumber(string? text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary><c>filename d29ybGQ=,is_confidential</c>: names with their values in base64, or without a value.</summary>
    public static bool TryReadMetadata(string text, out Dictionary<string, string> metadata)
    {
        metadata = new(StringComparer.Ordinal);
        if (text.Length > MostMetadata) return false;
        if (text.Length == 0) return true;
        foreach (var pair in text.Split(','))
        {
            var parts = pair.Trim(' ').Split(' ');
            if (parts.Length > 2 || metadata.Count == MostPairs || !IsName(parts[0])) return false;
            if (!TryReadBase64(parts.Length == 2 ? parts[1] : "", out var bytes)
                || !metadata.TryAdd(parts[0], Encoding.UTF8.GetString(bytes))) return false;
        }

        return true;
    }

    /// <summary>Those whose names the header can hold: a form's fields may have others.</summary>
    public static string WriteMetadata(IReadOnlyDictionary<string, string> metadata) =>
        string.Join(
            ',', metadata.Where(p => IsName(p.Key))
                .Select(p => p.Value.Length == 0 ? p.Key : $"{p.Key} {Convert.ToBase64String(Encoding.UTF8.GetBytes(p.Value))}"));

    /// <summary><c>sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=</c>.</summary>
    public static bool TryReadChecksum(string text, out HashAlgorithmName algorithm, out byte[] expected)
    {
        var parts = text.Split(' ');
        algorithm = parts[0] switch { "sha1" => HashAlgorithmName.SHA1, "sha256" => HashAlgorithmName.SHA256, _ => default };
        expected = [];
        return parts.Length == 2 && algorithm != default && TryReadBase64(parts[1], out expected)
            && expected.Length == (algorithm == HashAlgorithmName.SHA1 ? 20 : 32);
    }

    public static bool IsDigest(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);

    private static bool IsName(string text) =>
        text.Length > 0 && !text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.Contains(',', StringComparison.Ordinal);

    private static bool TryReadBase64(string text, out byte[] bytes)
    {
        bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out var length)) return false;
        Array.Resize(ref bytes, length);
        return true;
    }
}
