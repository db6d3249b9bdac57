using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Surety;

/// <summary>An example value for the OpenAPI document. Examples of whole bodies are put together from those of their members.</summary>
/// <param name="value">The value: of text and instants as it is, of everything else as JSON.</param>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter | AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class ExampleAttribute(string value) : Attribute, IDescribesSchema
{
    /// <summary>The value.</summary>
    public string Value => value;

    /// <inheritdoc/>
    public void Describe(OpenApiSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        schema.Examples = [schema.Type is { } type && type.HasFlag(JsonSchemaType.String)
            ? JsonValue.Create(value) : JsonNode.Parse(value)!];
    }
}
