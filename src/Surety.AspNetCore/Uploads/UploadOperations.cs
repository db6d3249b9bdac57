using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Uploads;

/// <summary>
/// What the document says of an endpoint that takes uploads. Its requests are read by hand, so the framework knows nothing of them.
/// </summary>
internal static class UploadOperations
{
    private const string Sha256 = "^[0-9A-Fa-f]{64}$";

    private static readonly Refusal[] OfAny =
    [
        new(400, "bad-request", "A header of the protocol is missing or malformed."),
        new(403, "forbidden",
            "The credential does not allow this, or does no longer. An upload of which all is there can be completed with a good one."),
        new(412, ProblemCodes.TusVersion, $"Send {TusWords.Resumable}: {TusWords.Version}."),
        new(423, ProblemCodes.UploadLocked, "Another request is at this upload. Ask with HEAD in a moment, and go on from there."),
        new(460, ProblemCodes.DigestMismatch, "What was stored is not what was announced. The upload is deleted; begin a new one."),
    ];

    private static readonly Refusal[] OfOne =
    [
        .. OfAny,
        new(404, ProblemCodes.NotFound, "There is no upload of this address that the caller may know of."),
        new(410, ProblemCodes.UploadExpired, "It was not finished in time. Begin a new one."),
        new(410, ProblemCodes.UploadGone, "It was taken back, or was not what was announced. Begin a new one."),
    ];

    private static readonly Refusal[] OfContent =
    [
        new(408, ProblemCodes.Timeout, "The body came too slowly. What came is kept; ask with HEAD, and go on from there."),
        new(409, ProblemCodes.UploadOffsetMismatch, "The upload is elsewhere; Upload-Offset says where. Go on from there."),
        new(413, ProblemCodes.PayloadTooLarge, "The upload is larger than the endpoint takes, or the body than what is missing."),
        new(415, ProblemCodes.UnsupportedMediaType,
            "The Content-Type, or the filetype that was stated, is not taken here; the Accept header names those that are."),
        new(460, ProblemCodes.ChecksumMismatch, "What came is not what its checksum says. It was discarded; send it again."),
    ];

    private static readonly Refusal[] OfCreation =
    [
        new(400, ProblemCodes.MalformedBody, "The body is not a whole multipart form."),
        new(400, ProblemCodes.KeyInvalid, "The header Idempotency-Key is not 1 to 255 visible characters."),
        new(409, ProblemCodes.KeyInProgress,
            "The first form with this key is still being stored. Repeat the request in a moment to get its answer."),
        new(410, ProblemCodes.UploadGone, "It was taken back while it was stored."),
        new(422, ProblemCodes.KeyReused, "This key was used for a form with another file. A new upload needs a new key."),
        new(429, ProblemCodes.UploadsExceeded,
            "The caller has too many unfinished uploads. Finish one, delete one, or wait until one expires."),
    ];

    private static readonly Refusal Complete = new(
        409, ProblemCodes.UploadComplete, "All of it is there and its job was enqueued. Cancel the job instead.");
    private static readonly Refusal NoMethod = new(
        405, "method-not-allowed", $"An upload takes HEAD, PATCH and DELETE; a POST names one of them in {TusWords.MethodOverride}.");

    public static Action<OpenApiOperation, OperationSite> Create(UploadRoute route) => (operation, site) =>
    {
        Name(operation, route, "upload", "Upload a file",
            $"Begins a resumable upload by tus 1.0.0 (answered with 201 and the upload's address), or takes a whole file in one multipart "
                + $"form (answered with 202 and its job). At most {SchemaText.Of(route.Options.MaxBytes)} bytes; an upload has to be "
                    + $"finished within {SchemaText.Of(route.Options.ExpireAfter)}; a caller may have {route.Options.MaxOpen} unfinished "
                        + $"ones; at least {route.Options.MinBytesPerSecond} bytes a second have to come.");
        Add(operation,
            Version(required: false), Whole(
                TusWords.UploadLength, "How many bytes there are to be. Of tus; this or Upload-Defer-Length.", 0, route.Options.MaxBytes),
            Whole(TusWords.UploadDeferLength, "1: the length is not known yet.", 1, 1), Metadata(), Checksum());
        operation.Parameters!.Add(KeyParameter.Of(required: false, site));
        Refuse(site, [.. OfAny, .. OfContent, .. OfCreation]);
        operation.RequestBody = new OpenApiRequestBody
        {
            Description = "The form, or the first bytes of a resumable upload.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["multipart/form-data"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Required = new HashSet<string> { "file" },
                        Description = "At most 16 fields of 1,024 bytes each, which become the upload's metadata, and then one file.",
                        Properties = new Dictionary<string, IOpenApiSchema>
                        {
                            ["sha256"] =
                                new OpenApiSchema { Type = JsonSchemaType.String, Pattern = Sha256,
                                    Description = "The file's digest in hexadecimal digits; another content is refused." },
                            ["file"] =
                                new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary",
                                    Description = "The file: the form's last part." },
                        },
                        AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 1_024 },
                    },
                },
                [TusWords.OffsetStream] = Bytes(),
            },
        };
        operation.Responses = new OpenApiResponses
        {
            ["201"] = Answer(
                site, "The upload exists; Location is its address. When all of it came with this request, Link (rel=\"status\") is its "
                    + "job's.", TusWords.Resumable, TusWords.UploadOffset, TusWords.UploadExpires, AnswerHeaders.Link),
            ["202"] = operation.Responses!["202"],
        };
        JobOperations.Accept(operation, site);
        AnswerHeaders.AddTo(operation.Responses["202"], site.Document, AnswerHeaders.Replayed);
    };

    public static Action<OpenApiOperation, OperationSite> Ask(UploadRoute route, bool atUpload) => (operation, site) =>
    {
        Name(operation, route, atUpload
            ? "askAbout{0}Upload"
            : "askAbout{0}Uploads", "Ask what uploads can do",
            "What is spoken of tus 1.0.0. Browsers ask before they send; no credential is needed.");
        if (atUpload) AddId(operation);
        operation.Responses = new OpenApiResponses
        {
            ["204"] = Answer(
                site, "What is spoken.", TusWords.Resumable, "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
        };
    };

    /// <summary>HEAD, PATCH and DELETE, each also as a POST that says so.</summary>
    public static Action<OpenApiOperation, OperationSite> Continue(UploadRoute route) => (operation, site) =>
    {
        switch (site.Method)
        {
            case "HEAD":
                Find(operation, site, route);
                break;
            case "PATCH":
                Send(operation, site, route);
                break;
            case "DELETE":
                Refuse(site, [.. OfOne, Complete]);
                Name(operation, route, "delete{0}Upload", "Take an upload back", "It is gone, and its bytes are deleted.");
                operation.Responses = new OpenApiResponses { ["204"] = Answer(site, "It is gone.", TusWords.Resumable) };
                break;
            default:
                Override(operation, site, route);
                break;
        }

        operation.Parameters!.Insert(0, Version(required: true));
        AddId(operation);
    };

    private static void Find(OpenApiOperation operation, OperationSite site, UploadRoute route)
    {
        Refuse(site, OfOne);
        Name(operation, route, "find{0}UploadOffset", "Ask how far an upload is", "What is there is durable; go on from Upload-Offset.");
        operation.Responses = new OpenApiResponses
        {
            ["200"] = Where(site, "How far the upload is. When all of it is there, Location and Link (rel=\"status\") are its job's."),
        };
    }

    private static void Send(OpenApiOperation operation, OperationSite site, UploadRoute route)
    {
        Refuse(site, [.. OfOne, .. OfContent]);
        Name(
            operation, route, "continue{0}Upload", "Send more of an upload",
            "The bytes from Upload-Offset on. What is answered is durable; the last byte completes the upload and enqueues its job in one "
            + "commit.");
        Add(operation, Offset(required: true), LengthLeftForLater(route), Checksum());
        operation.RequestBody = Chunk(required: true);
        operation.Responses = new OpenApiResponses { ["204"] = Taken(site) };
    }

    private static void Override(OpenApiOperation operation, OperationSite site, UploadRoute route)
    {
        Refuse(site, [.. OfOne, .. OfContent, Complete, NoMethod]);
        Name(
            operation, route, "override{0}Upload", "HEAD, PATCH or DELETE in a POST",
            $"For proxies that let nothing else through: the header {TusWords.MethodOverride} names the method, and everything else is as "
            + "there.");
        var method = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["HEAD", "PATCH", "DELETE"] };
        Add(
            operation, Header(TusWords.MethodOverride, "The method that is meant.", true, method), Offset(required: false),
            LengthLeftForLater(route), Checksum());
        operation.RequestBody = Chunk(required: false);
        operation.Responses = new OpenApiResponses { ["200"] = Where(site, "As to HEAD."), ["204"] = Taken(site) };
    }

    private static OpenApiParameter LengthLeftForLater(UploadRoute route) =>
        Whole(TusWords.UploadLength, "The length, where it was left for later.", 0, route.Options.MaxBytes);

    private static OpenApiResponse Where(OperationSite site, string description) => Answer(
        site, description, TusWords.Resumable, TusWords.UploadOffset, TusWords.UploadLength, TusWords.UploadDeferLength,
        TusWords.UploadMetadata, TusWords.UploadExpires, AnswerHeaders.Location, AnswerHeaders.Link);

    /// <summary>The framework sees no parameters here: the endpoint reads its address by itself.</summary>
    private static void AddId(OpenApiOperation operation)
    {
        if (operation.Parameters!.Any(p => p.Name == "id")) operation.Parameters = [.. operation.Parameters!.Where(p => p.Name != "id")];
        operation.Parameters!.Insert(0, new OpenApiParameter
        {
            Name = "id", In = ParameterLocation.Path, Required = true, Description = "The upload's id, as Location said it.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^[0-9a-f]{40}$",
                Examples = [JsonValue.Create(string.Concat(Enumerable.Repeat("0123456789", 4)))] },
        });
    }

    private static void Refuse(OperationSite site, params ReadOnlySpan<Refusal> refusals)
    {
        site.Refusals.AddRange(refusals);
        site.RefusalHeaders.AddRange([(0, TusWords.Resumable), (409, TusWords.UploadOffset), (412, "Tus-Version")]);
    }

    private static void Name(OpenApiOperation operation, UploadRoute route, string id, string summary, string description)
    {
        var words = string.Concat(
            route.Pattern.Split('/', '-', '{', '}').Where(w => w.Length > 0).Select(w => char.ToUpperInvariant(w[0]) + w[1..]));
        (operation.OperationId, operation.Summary, operation.Description) = (id.Contains("{0}", StringComparison.Ordinal)
            ? id.Replace("{0}", words, StringComparison.Ordinal) : id + words, summary, description);
        operation.Parameters ??= [];
    }

    private static void Add(OpenApiOperation operation, params ReadOnlySpan<OpenApiParameter> parameters)
    {
        foreach (var parameter in parameters) operation.Parameters!.Add(parameter);
    }

    private static OpenApiParameter Header(string name, string description, bool required, OpenApiSchema schema) =>
        new() { Name = name, In = ParameterLocation.Header, Required = required, Description = description, Schema = schema };

    private static OpenApiParameter Version(bool required) =>
        Header(TusWords.Resumable, "The version of the tus protocol; a request without it is a form.", required,
            new OpenApiSchema { Type = JsonSchemaType.String, Enum = [TusWords.Version] });

    private static OpenApiParameter Whole(string name, string description, long least, long most) =>
        Header(name, description, false,
            new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = SchemaText.Of(least),
                Maximum = SchemaText.Of(most) });

    private static OpenApiParameter Offset(bool required) =>
        Header(TusWords.UploadOffset, "How many bytes are there already.", required,
            new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "0" });

    private static OpenApiParameter Checksum() => Header(
        TusWords.UploadChecksum, "The digest of this body in base64; another one is discarded.", false,
        new OpenApiSchema { Type = JsonSchemaType.String, Pattern = "^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=)$",
            Examples = [JsonValue.Create("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")] });

    private static OpenApiParameter Metadata() => Header(
        TusWords.UploadMetadata,
            "At most 32 pairs of a name and a value in base64. filename and filetype say what it is; with sha256 (64 hexadecimal digits), "
                + "another content is refused at the end.", false,
        new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 4_096,
            Examples = [JsonValue.Create("filename cGF5bWVudHMuY3N2,filetype dGV4dC9jc3Y=")] });

    private static OpenApiRequestBody Chunk(bool required) =>
        new() { Required = required, Description = "The bytes.",
            Content = new Dictionary<string, OpenApiMediaType> { [TusWords.OffsetStream] = Bytes() } };

    private static OpenApiMediaType Bytes() => new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } };

    private static OpenApiResponse Taken(OperationSite site) =>
        Answer(site, "Taken, and durable up to Upload-Offset. When all of it is there, Location and Link (rel=\"status\") are its job's.",
            TusWords.Resumable, TusWords.UploadOffset, TusWords.UploadExpires, AnswerHeaders.Location, AnswerHeaders.Link);

    private static OpenApiResponse Answer(OperationSite site, string description, params string[] headers)
    {
        var answer = new OpenApiResponse { Description = description };
        AnswerHeaders.AddTo(answer, site.Document, headers);
        return answer;
    }
}
