using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Lists;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Jobs;

/// <summary>What the document says of <c>/jobs</c>, and of answers that are jobs.</summary>
internal static class JobOperations
{
    private const string Id = "17-0f3a5c7e9b1d2468";

    private const string Accepted =
        $$$"""
        {"id":"{{{Id}}}","kind":"report.requested","status":"queued","createdAt":"2026-05-01T12:00:00Z",
        "links":{"self":"/jobs/{{{Id}}}","events":"/jobs/{{{Id}}}/events","cancel":"/jobs/{{{Id}}}"}}
        """;

    private const string Done =
        $$$"""
        {"id":"{{{Id}}}","kind":"report.requested","status":"succeeded","attempt":1,"maxAttempts":5,
        "progress":{"done":3,"total":3,"unit":"lines","message":null},"nextRunAt":null,"error":null,"cancelRequested":false,
        "createdAt":"2026-05-01T12:00:00Z","finishedAt":"2026-05-01T12:00:02Z",
        "links":{"self":"/jobs/{{{Id}}}","result":"/jobs/{{{Id}}}/result"}}
        """;

    private static readonly string Running =
        Done.Replace("\"succeeded\"", "\"running\"", StringComparison.Ordinal)
            .Replace("\"cancelRequested\":false", "\"cancelRequested\":true", StringComparison.Ordinal);

    private static readonly Refusal[] Unknown =
    [
        new(404, ProblemCodes.NotFound, "There is no such job that the caller may see."),
        new(410, ProblemCodes.JobGone, "The job ended, and is no longer kept."),
    ];

    private static readonly Refusal[] TooManyStreams =
    [
        new(429, ProblemCodes.StreamsExceeded, "The caller has too many event streams open. Close one, or ask with wait instead."),
        new(503, ProblemCodes.Overloaded, "The server has as many event streams open as it can, or more to do. Try again in a moment."),
    ];

    public static void List(OpenApiOperation operation, OperationSite site)
    {
        Name(operation, "listJobs", "List jobs", "The caller's own, newest first, in pages.");
        Bound(operation, "status", "Only jobs in this state.",
            new OpenApiSchema
            {
                Type = JsonSchemaType.String, Enum = ["scheduled", "queued", "running", "retrying", "succeeded", "dead", "cancelled"],
            });
        Bound(operation, "kind", "Only jobs of this kind.",
            new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 200, Examples = [JsonValue.Create("report.requested")] });
        Bound(operation, Paging.Size, "How many jobs a page has at most.",
            new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Minimum = "1", Maximum = "100", Default = 50 });
        if (operation.Responses!["200"] is OpenApiResponse { Content: { } content }
            && content.TryGetValue("application/json", out var media))
            media.Example = new JsonObject { ["items"] = new JsonArray(JsonNode.Parse(Done)), ["nextPageToken"] = null };
    }

    public static void Follow(OpenApiOperation operation, OperationSite site)
    {
        Name(
            operation, "getJob", "Follow a job",
            "Where the job stands. With wait (or Prefer: wait=20) the answer comes when it has ended or the time is over; with "
                + "If-None-Match also at the first news. Whoever accepts text/event-stream gets the " +
            "events. To anybody but its owner and operators a job does not exist.");
        Bound(operation, "wait", "How many seconds to wait for the job's end, or for news.",
            new OpenApiSchema { Type = JsonSchemaType.Number, Minimum = "0", Maximum = "30", Examples = [JsonValue.Create(20)] });
        operation.Parameters!.Add(Prefer(site));
        EntityTagOperations.Describe(operation, site);
        Answer(operation, "200", "Where the job stands. Retry-After is sent until it has ended.", Done);
        ((OpenApiResponse)operation.Responses!["200"]).Content![JobStream.ContentType] = Events();
        operation.Responses["204"] = new OpenApiResponse { Description = "The client has seen the end of these events." };
        foreach (var status in new[] { "200", "304" })
            AnswerHeaders.AddTo(operation.Responses[status], site.Document, AnswerHeaders.RetryAfter, "Preference-Applied", "Vary");
        AnswerHeaders.AddTo(operation.Responses["204"], site.Document, "Vary");
        site.Refusals.AddRange(
            [.. Unknown, .. TooManyStreams, new(400, ProblemCodes.Validation, "wait is no number of seconds, 0 to 30.")]);
        site.RefusalHeaders.AddRange([(0, "Vary"), (429, AnswerHeaders.RetryAfter)]);
    }

    public static void Stream(OpenApiOperation operation, OperationSite site)
    {
        Name(
            operation, "streamJob", "Follow a job by events",
            "Server-sent events, each with the job as its data: the present state, every later one, and the last as event end. A client "
                + "that was cut off sends the id of the last one in Last-Event-ID and goes on behind it; " +
            "event gap says that there may have been states in between. The stream ends after 10 min at the latest; then come back.");
        operation.Parameters!.Add(new OpenApiParameter
        {
            Name = "Last-Event-ID", In = ParameterLocation.Header, Description = "The id of the last event that was seen.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 30, Examples = [JsonValue.Create("4-2")] },
        });
        operation.Responses = new OpenApiResponses
        {
            ["200"] = new OpenApiResponse
            {
                Description = "The events.", Content = new Dictionary<string, OpenApiMediaType> { [JobStream.ContentType] = Events() },
            },
            ["204"] = new OpenApiResponse { Description = "The client has seen the end." },
        };
        site.Refusals.AddRange([.. Unknown, .. TooManyStreams]);
    }

    public static void Fetch(OpenApiOperation operation, OperationSite site)
    {
        Name(operation, "getJobResult", "Fetch a job's result", "What the job gave back, in the media type it gave it.");
        operation.Responses = new OpenApiResponses { ["200"] = Result("The result.") };
        EntityTagOperations.Describe(operation, site);
        site.Refusals.AddRange([.. Unknown, new(404, ProblemCodes.JobHasNoResult, "The job has no result, or none yet.")]);
    }

    public static void Cancel(OpenApiOperation operation, OperationSite site)
    {
        Name(operation, "cancelJob", "Cancel a job", "A job that has not started will not; one that runs is asked to stop.");
        Answer(operation, "202", "It runs, and has been asked to stop; follow it to its end.", Running);
        Answer(operation, "204", "It had not started, and will not.", null);
        site.Refusals.AddRange([.. Unknown, new(409, ProblemCodes.JobNotCancellable, "The job has already ended.")]);
    }

    /// <summary>The answer of an endpoint that makes a job.</summary>
    public static void Accept(OpenApiOperation operation, OperationSite site)
    {
        Answer(operation, "202",
            "The job is durable: whatever happens to the server, it is done or somebody learns why not. Follow it at Location.", Accepted);
        operation.Responses!["200"] = Result(
            "To Prefer: wait, when the job has ended in time: its result, or the job when it has none. Content-Location says which.");
        AnswerHeaders.AddTo(operation.Responses["200"], site.Document, AnswerHeaders.ETag, "Content-Location", AnswerHeaders.Location);
        foreach (var status in new[] { "200", "202" })
            AnswerHeaders.AddTo(operation.Responses[status], site.Document, "Preference-Applied", "Vary");
        (operation.Parameters ??= []).Add(Prefer(site));
    }

    private static OpenApiParameterReference Prefer(OperationSite site) => site.Document.Parameter("Prefer", () => new OpenApiParameter
    {
        Name = Preference.Header, In = ParameterLocation.Header,
        Description =
            $"By RFC 7240: wait=N waits up to N seconds (at most {SchemaText.Of((long)JobWait.Longest.TotalSeconds)}) for the job's end, "
                + "respond-async does not wait. Preference-Applied says what was heeded.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 1_000, Examples = [JsonValue.Create("wait=10")] },
    });

    private static OpenApiResponse Result(string description) => new()
    {
        Description = description,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["*/*"] = new() { Schema = new OpenApiSchema { Description = "By the media type of the answer." } },
        },
    };

    private static OpenApiMediaType Events() => new()
    {
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Events of text/event-stream; their data is a Job." },
    };

    private static void Name(OpenApiOperation operation, string id, string summary, string description)
    {
        (operation.OperationId, operation.Summary, operation.Description) = (id, summary, description);
        Bound(operation, "id", "The job's id.",
            new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 40, Examples = [JsonValue.Create(Id)] });
    }

    private static void Bound(OpenApiOperation operation, string name, string description, OpenApiSchema schema)
    {
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>().Where(p => p.Name == name) ?? [])
            (parameter.Description, parameter.Schema) = (description, schema);
    }

    private static void Answer(OpenApiOperation operation, string status, string description, string? example)
    {
        if (operation.Responses?.TryGetValue(status, out var response) != true || response is not OpenApiResponse own) return;
        own.Description = description;
        if (example is not null && own.Content?.TryGetValue("application/json", out var media) == true)
            media.Example = JsonNode.Parse(example);
    }
}
