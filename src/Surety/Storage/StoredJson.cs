using System.Text.Json;
using System.Text.Json.Serialization;

namespace Surety.Storage;

/// <summary>Small maps and lists, as JSON in a column.</summary>
internal static class StoredJson
{
    /// <summary>Null when there are none.</summary>
    /// <exception cref="ArgumentException">
    /// One of them could not be read back as it is: JSON has no halves of surrogate pairs, and the serializer would replace them in
    /// silence.
    /// </exception>
    public static string? Headers(IReadOnlyDictionary<string, string> headers)
    {
        if (headers.Count == 0) return null;
        foreach (var (name, value) in headers)
        {
            if (!StoredText.IsStorable(name) || !StoredText.IsStorable(value))
                throw new ArgumentException($"The header \"{StoredText.Cut(name, 40)}\" {StoredText.Fault}.", nameof(headers));
        }

        return JsonSerializer.Serialize(headers, StoredJsonContext.Default.IReadOnlyDictionaryStringString);
    }

    public static IReadOnlyDictionary<string, string> Headers(ReadOnlySpan<byte> json) =>
        json.IsEmpty ? NewMessage.NoHeaders : JsonSerializer.Deserialize(json, StoredJsonContext.Default.DictionaryStringString)!;

    public static IReadOnlyDictionary<string, string> Headers(string? json) =>
        json is null ? NewMessage.NoHeaders : JsonSerializer.Deserialize(json, StoredJsonContext.Default.DictionaryStringString)!;

    public static string Scopes(IReadOnlyList<string> scopes) =>
        JsonSerializer.Serialize(scopes, StoredJsonContext.Default.IReadOnlyListString);

    public static IReadOnlyList<string> Scopes(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, StoredJsonContext.Default.StringArray)!;

    public static IReadOnlyList<string> Scopes(string json) => JsonSerializer.Deserialize(json, StoredJsonContext.Default.StringArray)!;
}

[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class StoredJsonContext : JsonSerializerContext;
