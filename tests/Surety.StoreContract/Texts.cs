using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Surety.StoreContract;

/// <summary>
/// Texts of every sort that a program may come by: of all planes, with controls, halves of surrogate pairs, U+0000 and what people see as
/// one character though it is many.
/// </summary>
public static class Texts
{
    private static readonly Gen<string> Piece = Gen.Frequency(
        (6, Gen.Choose(' ', '~').Select(c => ((char)c).ToString())),
        (2, Gen.Choose(1, 31).Select(c => ((char)c).ToString())),
        (2, Gen.Choose(0x80, 0xD7FF).Select(c => ((char)c).ToString())),
        (2, Gen.Choose(0xE000, 0xFFFF).Select(c => ((char)c).ToString())),
        (3, Gen.Choose(0x10000, 0x10FFFF).Select(char.ConvertFromUtf32)),
        (2, Gen.Choose(0xD800, 0xDFFF).Select(c => ((char)c).ToString())),
        (1, Gen.Elements(
            "\0", "\0\0", "e\u0301", "\uFFFD",
            "👨‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "\r\n", "'", "\\", "\"", "%s", "{0}", "\u202E", "\uFEFF")));

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Most are short; some are longer than any column's limit.</summary>
    public static Gen<string> Any { get; } = Gen.Frequency(
        (6, OfLength(0, 40)), (2, OfLength(150, 260)), (1, OfLength(480, 520)), (1, OfLength(9_000, 10_000)));

    /// <summary>None longer than a key may be.</summary>
    public static Gen<string> Short { get; } = OfLength(1, 60);

    /// <summary>Many of them, the same each time.</summary>
    public static IReadOnlyList<string> Many(this Gen<string> texts, int count) => [.. texts.Sample(count, new Rnd(20_261_130), 50)];

    /// <summary>Whether databases can keep it as it is.</summary>
    public static bool IsWhole(string text)
    {
        try
        {
            Strict.GetByteCount(text);
            return !text.Contains('\0', StringComparison.Ordinal);
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>What is kept of a text that describes something, if it is not cut: worked out by another road than the product's.</summary>
    public static string Kept(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) kept.Append(rune.Value == 0 ? Rune.ReplacementChar.ToString() : rune.ToString());
        return kept.ToString();
    }

    private static Gen<string> OfLength(int least, int most) =>
        from count in Gen.Choose(least, most) from pieces in Piece.ListOf(count) select string.Concat(pieces);
}
