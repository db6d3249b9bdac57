using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Descriptions;

/// <summary>The header Idempotency-Key as a parameter, described once.</summary>
internal static class KeyParameter
{
    // As IdempotencyKey reads it: a string of structured fields, or the same without quotes.
    private const string Pattern = """^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-+\x2D-:<-~]{1,255})$""";

    public static IOpenApiParameter Of(bool required, OperationSite site) =>
        site.Document.Parameter(required ? "RequiredIdempotencyKey" : "IdempotencyKey", () => new OpenApiParameter
    {
        Name = CommandMetadata.KeyHeader, In = ParameterLocation.Header, Required = required,
        Description =
            $"A key of the client's own: a new one for every command, the same one for every repeat of it. A repeat gets the first "
                + $"request's answer, with {AnswerHeaders.Replayed}: true. " +
            $"Kept for {SchemaText.Of(site.Edge.KeepAnswers)}, for each caller, method and route. 1 to {CommandMetadata.MaxKeyLength} "
                + "visible characters, in quotes or not.",
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.String, Pattern = Pattern, MinLength = 1, MaxLength = (2 * CommandMetadata.MaxKeyLength) + 2,
                Examples = [JsonValue.Create("8e03978e-40d5-43dd-bc93-6894a57f9324")],
        },
    });
}
