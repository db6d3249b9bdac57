using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.OpenApi;

/// <summary>
/// What attributes say of a value. The framework reads those of properties; the validation also obeys those of a record's parameters, and
/// so does this.
/// </summary>
internal static class SchemaNotes
{
    public static Task ApplyAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        NoteTypeOfText(schema, context);
        NoteTypeOfElements(schema, context.JsonTypeInfo);
        foreach (var attribute in Attributes(context)) Apply(schema, attribute);
        return Task.CompletedTask;
    }

    // Converters of ours read text, and write instants and ids, so the framework does not know what they look like.
    private static void NoteTypeOfText(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        var given = context.JsonTypeInfo.Type;
        var type = Nullable.GetUnderlyingType(given) ?? given;
        if (schema.Type is not null
            || !(type == typeof(string) || type == typeof(DateTimeOffset) || type == typeof(MessageId) || type.IsEnum)) return;
        var isNullable = type != given || (type == typeof(string) && context.JsonPropertyInfo is { IsGetNullable: true });
        schema.Type = JsonSchemaType.String | (isNullable ? JsonSchemaType.Null : default);
    }

    private static void NoteTypeOfElements(OpenApiSchema schema, JsonTypeInfo type)
    {
        if (type.ElementType != typeof(string)) return;
        if (type.Kind == JsonTypeInfoKind.Enumerable) schema.Items ??= new OpenApiSchema { Type = JsonSchemaType.String };
        else if (type.Kind == JsonTypeInfoKind.Dictionary)
            schema.AdditionalProperties ??= new OpenApiSchema { Type = JsonSchemaType.String };
    }

    private static IEnumerable<object> Attributes(OpenApiSchemaTransformerContext context)
    {
        if (context.JsonPropertyInfo is { } property)
            return Of(property.AttributeProvider).Concat(Of(property.AssociatedParameter?.AttributeProvider));
        if (context.ParameterDescription?.ParameterDescriptor is IParameterInfoParameterDescriptor parameter
            && context.ParameterDescription.Source.Id != "Body")
            return Of(parameter.ParameterInfo);
        return Of(context.JsonTypeInfo.Type);
    }

    private static object[] Of(ICustomAttributeProvider? provider) => provider?.GetCustomAttributes(inherit: true) ?? [];

    private static void Apply(OpenApiSchema schema, object attribute)
    {
        switch (attribute)
        {
            case StringLengthAttribute length:
                Bound(schema, length.MinimumLength > 0 ? length.MinimumLength : null, length.MaximumLength);
                break;
            case MaxLengthAttribute { Length: >= 0 } most:
                Bound(schema, null, most.Length);
                break;
            case MinLengthAttribute least:
                Bound(schema, least.Length, null);
                break;
            case LengthAttribute between:
                Bound(schema, between.MinimumLength, between.MaximumLength);
                break;
            case RangeAttribute { Minimum: int or long or double, MinimumIsExclusive: false, MaximumIsExclusive: false } range:
                (schema.Minimum, schema.Maximum) = (
                    Convert.ToString(range.Minimum, CultureInfo.InvariantCulture),
                    Convert.ToString(range.Maximum, CultureInfo.InvariantCulture));
                break;
            case RegularExpressionAttribute expression:
                schema.Pattern = expression.Pattern;
                break;
            case RequiredAttribute { AllowEmptyStrings: false } when schema.Type == JsonSchemaType.String && schema.Format is null:
                schema.MinLength ??= 1;
                break;
            case DescriptionAttribute description:
                schema.Description = description.Description;
                break;
            case IDescribesSchema own:
                own.Describe(schema);
                break;
        }
    }

    /// <summary>How many items an array may have, or how many characters a text.</summary>
    private static void Bound(OpenApiSchema schema, int? least, int? most)
    {
        if (schema.Type is { } type && type.HasFlag(JsonSchemaType.Array))
        {
            schema.MinItems = least ?? schema.MinItems;
            schema.MaxItems = most ?? schema.MaxItems;
            return;
        }

        schema.MinLength = least ?? schema.MinLength;
        schema.MaxLength = most ?? schema.MaxLength;
    }
}
