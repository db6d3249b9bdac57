using System.Globalization;
using System.Text.Json.Serialization;

namespace Surety;

/// <summary>
/// Names one message in one store, for as long as the store lives. Ids grow, are never reused, and pass 2^31. In JSON a string of decimal
/// digits, such as <c>"17"</c>.
/// </summary>
/// <param name="Value">The store's own number; positive.</param>
[JsonConverter(typeof(MessageIdConverter))]
public readonly record struct MessageId(long Value) : ISpanParsable<MessageId>
{
    /// <summary>The decimal number, the form used in URLs, JSON and logs.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, IFormatProvider?, out MessageId)"/>
    public static bool TryParse(string? s, IFormatProvider? provider, out MessageId result) => TryParse(s.AsSpan(), provider, out result);

    /// <summary>Reads plain decimal digits; no sign, no white space, nothing above 2^63 - 1, not zero.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out MessageId result)
    {
        var ok = long.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0;
        result = ok ? new MessageId(value) : default;
        return ok;
    }

    /// <summary>As <see cref="TryParse(string?, IFormatProvider?, out MessageId)"/>, but throws <see cref="FormatException"/>.</summary>
    public static MessageId Parse(string s, IFormatProvider? provider) => Parse(s.AsSpan(), provider);

    /// <summary>
    /// As <see cref="TryParse(ReadOnlySpan{char}, IFormatProvider?, out MessageId)"/>, but throws <see cref="FormatException"/>.
    /// </summary>
    public static MessageId Parse(ReadOnlySpan<char> s, IFormatProvider? provider) =>
        TryParse(s, provider, out var id)
            ? id
            : throw new FormatException($"\"{s}\" is not a message id: expected a positive decimal number.");
}
