using System.Globalization;

namespace Payments;

/// <summary>Ids and amounts are strings in JSON: JavaScript's numbers end at 2^53.</summary>
internal static class Ids
{
    /// <summary>0, which no row has, for a text that is no id: a hostile id is one that does not exist.</summary>
    public static long Parse(string text) =>
        text.Length <= 19 && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Text(id) == text ? id : 0;

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    public static DateTimeOffset Instant(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
