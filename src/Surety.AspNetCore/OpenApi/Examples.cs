using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.OpenApi;

/// <summary>Puts examples of bodies together from those of their members.</summary>
internal sealed class Examples(OpenApiDocument document)
{
    private const int MostDepth = 16;

    /// <summary>Null when nothing is known that would be a good example.</summary>
    public JsonNode? Of(IOpenApiSchema schema) => Of(schema, 0);

    private JsonNode? Of(IOpenApiSchema? given, int depth)
    {
        if (WholeDocument.Resolve(given, document) is not { } schema || depth > MostDepth) return null;
        if (schema.Examples is [{ } example, ..]) return example.DeepClone();
        if (schema.Enum is [{ } first, ..]) return first.DeepClone();
        if (schema.Default is { } usual) return usual.DeepClone();
        if (schema.AllOf is { Count: > 0 } parts) return Joined(parts, depth);
        var type = schema.Type ?? default;
        if (type.HasFlag(JsonSchemaType.Object)) return Whole(schema, depth);
        if (type.HasFlag(JsonSchemaType.Array)) return Of(schema.Items, depth + 1) is { } item ? new JsonArray(item) : new JsonArray();
        return OfValue(schema, type);
    }

    private static JsonNode? OfValue(OpenApiSchema schema, JsonSchemaType type)
    {
        if (type.HasFlag(JsonSchemaType.Boolean)) return JsonValue.Create(false);
        if (type.HasFlag(JsonSchemaType.Integer) || type.HasFlag(JsonSchemaType.Number))
        {
            var hasLeast = decimal.TryParse(schema.Minimum, NumberStyles.Number, CultureInfo.InvariantCulture, out var least);
            return JsonValue.Create(hasLeast ? least : 0);
        }

        return (schema.Format, type.HasFlag(JsonSchemaType.Null)) switch
        {
            ("date-time", _) => JsonValue.Create("2026-05-01T12:00:00Z"),
            ("date", _) => JsonValue.Create("2026-05-01"),
            ("uuid", _) => JsonValue.Create("8e03978e-40d5-43dd-bc93-6894a57f9324"),
            _ => null,
        };
    }

    private JsonObject Whole(OpenApiSchema schema, int depth)
    {
        var whole = new JsonObject();
        foreach (var (name, member) in schema.Properties ?? new Dictionary<string, IOpenApiSchema>())
        {
            if (Of(member, depth + 1) is { } value) whole[name] = value;
            else if (schema.Required?.Contains(name) == true) whole[name] = IsNullable(member) ? null : JsonValue.Create("text");
        }

        return whole;
    }

    private JsonObject Joined(IEnumerable<IOpenApiSchema> parts, int depth)
    {
        var joined = new JsonObject();
        foreach (var (name, value) in parts.Select(p => Of(p, depth + 1)).OfType<JsonObject>().SelectMany(p => p))
            joined[name] = value?.DeepClone();
        return joined;
    }

    private bool IsNullable(IOpenApiSchema schema) => WholeDocument.Resolve(schema, document)?.Type?.HasFlag(JsonSchemaType.Null) == true;
}
