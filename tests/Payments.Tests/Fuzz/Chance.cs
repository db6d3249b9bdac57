using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Payments.Tests.Fuzz;

/// <summary>Everything that is left to chance, from one seed: what is drawn first decides what is drawn next.</summary>
internal sealed class Chance(int seed)
{
    private static readonly string[] Pieces = ["a", "Z", "0",
        " ", "-", "é", "ß", "٣", "漢", "💣", "\u202e", "\u0301", "\ufeff", "'", "\"", "\\", "<", "&", "%", ";", "{", "\u0001", "\t", "\n"];

    private readonly Random random = new(seed);

    public bool OneIn(int times) => random.Next(times) == 0;

    /// <summary>A number from the least to the most.</summary>
    public int Number(int least, int most) => random.Next(least, most + 1);

    public T Of<T>(IReadOnlyList<T> all) => all[random.Next(all.Count)];

    public byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    public string Text(int length)
    {
        var text = new StringBuilder();
        while (text.Length < length) text.Append(OneIn(3) ? Of(Pieces) : ((char)Number('a', 'z')).ToString());
        // Half a pair of surrogates is for the hostile values.
        if (length > 0 && char.IsHighSurrogate(text[length - 1])) length--;
        return text.ToString(0, length);
    }

    /// <summary>A value that the schema allows, as far as it says so.</summary>
    public JsonElement Valid(JsonElement schema) => JsonSerializer.SerializeToElement(ValidValue(Contract.Resolved(schema)));

    private object? ValidValue(JsonElement schema)
    {
        if (schema.TryGetProperty("enum", out var values)) return Of(values.EnumerateArray().ToList());
        var types = schema.TryGetProperty("type", out var type) ? type.ValueKind == JsonValueKind.Array
            ? type.EnumerateArray().Select(t => t.GetString()!).ToList() : [type.GetString()!] : ["string"];
        if (types.Contains("null") && OneIn(6)) return null;
        if (schema.TryGetProperty("examples", out var examples) && !OneIn(3)) return Of(examples.EnumerateArray().ToList());
        return types.First(t => t != "null") switch
        {
            "boolean" => OneIn(2),
            "integer" => ValidNumber(schema),
            "number" => OneIn(4) ? 0.5 : ValidNumber(schema),
            "array" => Enumerable.Range(0, Number(0, Math.Min(4, Limit(schema, "maxItems", 4))))
                .Select(_ => ValidValue(Contract.Resolved(schema.GetProperty("items")))).ToList(),
            "object" => new Dictionary<string, object>(),
            _ => ValidText(schema),
        };
    }

    private long ValidNumber(JsonElement schema)
    {
        long least = schema.TryGetProperty("minimum", out var minimum)
            ? (long)minimum.GetDouble() : 0, most = schema.TryGetProperty("maximum", out var maximum) ? (long)maximum.GetDouble() : 1_000;
        return Number(0, 5) switch { 0 => least, 1 => most, _ => Math.Min(most, least + Number(0, 40)) };
    }

    private string ValidText(JsonElement schema)
    {
        if (schema.TryGetProperty("format", out var format) && format.GetString() == "date-time")
            return DateTimeOffset.FromUnixTimeSeconds(Number(0, 2_000_000_000))
                .ToOffset(TimeSpan.FromHours(Number(-12, 12))).ToString("O", CultureInfo.InvariantCulture);
        int least = Limit(schema, "minLength", 0), most = Limit(schema, "maxLength", 200);
        var pattern = schema.TryGetProperty("pattern", out var given)
            ? new Regex(given.GetString()!, RegexOptions.None, TimeSpan.FromSeconds(1)) : null;
        for (var tries = 0; tries < 10; tries++)
        {
            var length = OneIn(6) ? most : Number(least, Math.Min(most, 30));
            var text = Number(0, 2) switch
            {
                0 => string.Concat(Enumerable.Range(0, Math.Max(1, length)).Select(_ => (char)Number('0', '9'))),
                1 => string.Concat(Enumerable.Range(0, length).Select(_ => (char)Number('A', 'Z'))),
                _ => Text(length),
            };
            if (pattern?.IsMatch(text) != false) return text;
        }

        return schema.TryGetProperty("examples", out var examples) ? examples[0].GetString()! : "1";
    }

    private static int Limit(JsonElement schema, string name, int otherwise) =>
        schema.TryGetProperty(name, out var limit) ? limit.GetInt32() : otherwise;
}
