using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Lists;

/// <summary>
/// What the document says of entity tags: of reads that cost no body, and of changes that are made only to what their client has seen.
/// </summary>
internal static class EntityTagOperations
{
    public const string IfMatch = "If-Match";
    public const string IfNoneMatch = "If-None-Match";
    private static readonly Refusal Changed =
        new(412, ProblemCodes.PreconditionFailed,
            "It was changed since. Read it, look whether the change still makes sense, and send it with that ETag and a new key.");

    /// <summary>As <see cref="Describe"/>, of a change that is not made without its condition.</summary>
    public static void Require(OpenApiOperation operation, OperationSite site)
    {
        Add(operation,
            site.Document.Parameter(
                "RequiredIfMatch", () =>
                    Parameter(
                        IfMatch, "The entity tag of what the client has seen: nothing is changed when it is another now.",
                        required: true)));
        site.Refusals.Add(Changed);
        site.Refusals.Add(
            new Refusal(
                428, ProblemCodes.PreconditionRequired,
                "Read it first, and send the ETag you got in If-Match, so that nobody's change is lost."));
    }

    public static void Describe(OpenApiOperation operation, OperationSite site)
    {
        operation.Responses ??= [];
        if (site.Method is "GET" or "HEAD")
        {
            Add(operation,
                site.Document.Parameter("IfNoneMatch", () =>
                    Parameter(IfNoneMatch, "The entity tag of what is known already: 304 while it is still so.", required: false)));
            operation.Responses.TryAdd("304", new OpenApiResponse { Description = "It is still as the client knows it." });
            AnswerHeaders.AddTo(operation.Responses["304"], site.Document, AnswerHeaders.ETag);
        }
        else if (operation.Parameters?.Any(p => p.Name == IfMatch) != true)
        {
            Add(operation,
                site.Document.Parameter(
                    "IfMatch", () =>
                        Parameter(
                            IfMatch, "The entity tag of what the client has seen: nothing is changed when it is another now.",
                            required: false)));
            site.Refusals.Add(Changed);
        }

        foreach (var status in operation.Responses.Keys.Where(s => s[0] == '2'))
            AnswerHeaders.AddTo(operation.Responses[status], site.Document, AnswerHeaders.ETag);
    }

    private static void Add(OpenApiOperation operation, IOpenApiParameter parameter)
    {
        if (operation.Parameters?.Any(p => p.Name == parameter.Name) != true) (operation.Parameters ??= []).Add(parameter);
    }

    private static OpenApiParameter Parameter(string name, string description, bool required) => new()
    {
        Name = name, In = ParameterLocation.Header, Required = required, Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 1_000, Examples = [JsonValue.Create("\"7\"")] },
    };
}
