using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Surety;

/// <summary>
/// A <see cref="MessageId"/> in JSON: its decimal digits as a string, such as <c>"17"</c>, because a number above 2^53 is not safe in
/// JavaScript. A JSON number is refused with <see cref="JsonException"/>: it may have been rounded on its way, and would then name another
/// message. Public only because source-generated contexts have to make one.
/// </summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class MessageIdConverter : JsonConverter<MessageId>
{
    /// <inheritdoc/>
    public override MessageId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String ? IdIn(ref reader) : throw NoId();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, MessageId value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteStringValue(value.ToString());
    }

    /// <inheritdoc/>
    public override MessageId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        IdIn(ref reader);

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, MessageId value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WritePropertyName(value.ToString());
    }

    private static MessageId IdIn(ref Utf8JsonReader reader) =>
        MessageId.TryParse(reader.GetString(), null, out var id) ? id : throw NoId();

    private static JsonException NoId() => new("A message id is a string of decimal digits, such as \"17\".");
}
