using System.Globalization;

namespace Surety;

/// <summary>
/// Text on its way into a store. Databases keep whole Unicode characters and no U+0000; a .NET string may hold half a surrogate pair, and
/// U+0000. Text that names something (a key, an owner, a queue) is refused when it cannot be kept, because another text would name
/// something else. Text that describes (a reason, an error, a progress message) is changed so that it can be kept.
/// </summary>
internal static class StoredText
{
    /// <summary>What to say of a text that is refused.</summary>
    public const string Fault = "holds U+0000 or half a surrogate pair, which no database keeps as text";

    /// <summary>The most characters of an owner's name. OpenID Connect allows a subject of so many.</summary>
    public const int LongestOwner = 255;

    private const char Replacement = '\uFFFD';

    /// <summary>Whether every database can keep it as it is.</summary>
    public static bool IsStorable(ReadOnlySpan<char> text) => FirstFault(text) < 0;

    /// <summary>The text with each half of a surrogate pair and each U+0000 replaced by U+FFFD; nearly always the same object.</summary>
    public static string Storable(string text)
    {
        var first = FirstFault(text);
        if (first < 0) return text;
        return string.Create(text.Length, (text, first), static (result, given) =>
        {
            given.text.CopyTo(result);
            for (var at = given.first; at >= 0 && at < result.Length;)
            {
                result[at] = Replacement;
                var next = FirstFault(result[(at + 1)..]);
                at = next < 0 ? -1 : at + 1 + next;
            }
        });
    }

    /// <summary>
    /// As <see cref="Storable"/>, and no longer than this: a longer text ends with an ellipsis, and what people see as one character is not
    /// cut in two.
    /// </summary>
    /// <param name="text">The text; null stays null.</param>
    /// <param name="most">The most UTF-16 units, 1 or more.</param>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    public static string? Cut(string? text, int most)
    {
        if (text is null) return null;
        if (text.Length <= most) return Storable(text);
        var kept = text.AsSpan(0, WholeCharacters(text, most - 1));
        return Storable(string.Concat(kept, "…"));
    }

    /// <summary>Whether any message can fit the filter: none has a text that cannot be kept.</summary>
    public static bool CanFit(MessageFilter filter) =>
        IsStorable(filter.Queue) && IsStorable(filter.Kind) && IsStorable(filter.Owner) && IsStorable(filter.Cause);

    /// <summary>How much of the text, at most so many units, is whole characters.</summary>
    private static int WholeCharacters(string text, int most)
    {
        var length = 0;
        // A flag or a family of emoji is one character of many units. Two units more than may be kept are looked at: they tell whether the
        // last character goes on.
        while (length < most)
        {
            var next = StringInfo.GetNextTextElementLength(text.AsSpan(length, Math.Min(text.Length - length, most + 2 - length)));
            if (length + next > most) break;
            length += next;
        }

        // Where one character is longer than all there is room for, a part of it is better than nothing.
        if (length > 0) return length;
        return most > 0 && char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;
    }

    private static int FirstFault(ReadOnlySpan<char> text)
    {
        var nul = text.IndexOf('\0');
        if (nul >= 0) text = text[..nul];
        for (var from = 0; ;)
        {
            var at = text[from..].IndexOfAnyInRange('\uD800', '\uDFFF');
            if (at < 0) return nul;
            at += from;
            if (!char.IsHighSurrogate(text[at]) || at + 1 == text.Length || !char.IsLowSurrogate(text[at + 1])) return at;
            from = at + 2;
        }
    }
}
