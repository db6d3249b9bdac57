using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.OpenApi;

/// <summary>Refusals as answers of an operation: one a status, with an example for each code.</summary>
internal static class ProblemAnswers
{
    private const string MediaType = "application/problem+json";
    private const string Any = "Problem";
    private const string OfInput = "InputProblem";

    /// <summary>The answer for the refusals of one status.</summary>
    /// <param name="refusals">At least one, all of one status.</param>
    /// <param name="site">Where the operation stands.</param>
    /// <param name="isShared">All are the edge's own, so their description is shared by all operations with the same ones.</param>
    /// <param name="headers">What the answer carries beside the body.</param>
    public static IOpenApiResponse Of(IReadOnlyList<Refusal> refusals, OperationSite site, bool isShared, IReadOnlyList<string> headers)
    {
        var document = site.Document;
        var response = new OpenApiResponse { Description = string.Join(' ', refusals.Select(r => $"`{r.Code}`: {r.Detail}")) };
        AnswerHeaders.AddTo(response, document, headers);
        // A HEAD is answered without a body.
        if (site.Method != "HEAD")
        {
            var examples = new SortedDictionary<string, IOpenApiExample>(StringComparer.Ordinal);
            var media = new OpenApiMediaType { Schema = Schema(refusals[0].Status, document), Examples = examples };
            foreach (var refusal in refusals)
                examples.TryAdd(
                    refusal.Code, new OpenApiExample { Summary = ProblemCodes.TitleOf(refusal.Code), Value = Example(refusal, site.Edge) });
            response.Content = new Dictionary<string, OpenApiMediaType> { [MediaType] = media };
        }

        if (!isShared || site.Method == "HEAD") return response;
        var codes = string.Join('.', refusals.Select(r => r.Code).Distinct());
        var counted = headers.Contains(AnswerHeaders.RateLimit) ? "" : ".uncounted";
        return document.Response($"{refusals[0].Status}.{codes}{counted}", response);
    }

    private static OpenApiSchemaReference Schema(int status, OpenApiDocument document)
    {
        var any = document.Schema(Any, ProblemSchema);
        return status == 400 ? document.Schema(OfInput, () => InputProblemSchema(any)) : any;
    }

    private static JsonObject Example(Refusal refusal, EdgeOptions edge)
    {
        var example = new JsonObject
        {
            ["type"] = $"{edge.ProblemBase.AbsoluteUri}#{refusal.Code}", ["title"] = ProblemCodes.TitleOf(refusal.Code),
            ["status"] = refusal.Status, ["detail"] = refusal.Detail, ["instance"] = "/here", ["code"] = refusal.Code,
            ["traceId"] = "0af7651916cd43dd8448eb211c80319c",
            ["outcome"] = refusal.Status < 500 || refusal.Code == ProblemCodes.Overloaded ? "none" : "unknown",
        };
        if (refusal.Code == ProblemCodes.Validation)
        {
            example["errors"] = new JsonObject { ["count"] = new JsonArray("The field count must be between 1 and 99.") };
            example["violations"] = new JsonArray(
                new JsonObject { ["pointer"] = "#/count", ["code"] = "invalid", ["detail"] = "The field count must be between 1 and 99." });
        }

        if (refusal.Code == ProblemCodes.MalformedBody) (example["pointer"], example["line"], example["byte"]) = ("#/count", 1, 12);
        return example;
    }

    private static OpenApiSchema ProblemSchema() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "What went wrong, by RFC 9457.",
        Required = new HashSet<string> { "type", "title", "status", "instance", "code", "traceId", "outcome" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = Text("The page that explains the code.", "uri"),
            ["title"] = Text("The kind of problem, for people."),
            ["status"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Integer, Format = "int32", Minimum = "400", Maximum = "599", Description = "The answer's status.",
            },
            ["detail"] = Text("This case, for people: what, with which values, and what to do."),
            ["instance"] = Text("The address that was asked."),
            ["code"] = Text("The kind of problem, for programs."),
            ["traceId"] = Text("Finds the request in the server's log."),
            ["outcome"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String, Enum = ["none", "unknown"],
                Description =
                    "none: the request certainly had no effect. unknown: nobody can say; repeat it with the same key until the answer is "
                        + "another.",
            },
        },
    };

    private static OpenApiSchema InputProblemSchema(OpenApiSchemaReference any) => new()
    {
        Description = "What is wrong with a request, and where.",
        AllOf =
        [
            any,
            new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["errors"] = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object, Description = "The faults of each member, by its dotted name.",
                        AdditionalProperties =
                            new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
                    },
                    ["violations"] = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Array, Description = "The same faults, each with a JSON pointer into the body.",
                        Items = new OpenApiSchema
                        {
                            Type = JsonSchemaType.Object,
                            Required = new HashSet<string> { "pointer", "code", "detail" },
                            Properties = new Dictionary<string, IOpenApiSchema>
                            {
                                ["pointer"] = Text("Where: a JSON pointer into the body, or the parameter's name behind #/."),
                                ["code"] = Text("required, or invalid."),
                                ["detail"] = Text("What is wrong, for people."),
                            },
                        },
                    },
                    ["pointer"] = Text("Of a body that cannot be read: where."),
                    ["line"] = Whole("Of a body that cannot be read: in which line, from 1."),
                    ["byte"] = Whole("Of a body that cannot be read: at which byte of the line, from 1."),
                },
            },
        ],
    };

    private static OpenApiSchema Text(string description, string? format = null) =>
        new() { Type = JsonSchemaType.String, Description = description, Format = format };

    private static OpenApiSchema Whole(string description) =>
        new() { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "1", Description = description };
}
