using System.Text.Json;

namespace Payments.Tests;

/// <summary>The OpenAPI document, as the build wrote it.</summary>
internal static class Contract
{
    private static readonly string[] Methods = ["get", "put", "post", "delete", "options", "head", "patch"];

    public static JsonElement Document { get; } = JsonDocument.Parse(File.ReadAllText(OpenApiTests.Built)).RootElement;

    public static IReadOnlyList<Operation> Operations { get; } = [.. Document.GetProperty("paths").EnumerateObject().SelectMany(OfPath)];

    public static JsonElement Resolved(JsonElement element) =>
        element.TryGetProperty("$ref", out var reference)
            ? reference.GetString()!.Split('/').Skip(1).Aggregate(Document, (at, step) => at.GetProperty(step)) : element;

    private static IEnumerable<Operation> OfPath(JsonProperty path) =>
        from member in path.Value.EnumerateObject() where Methods.Contains(member.Name) select new Operation(
            member.Name.ToUpperInvariant(), path.Name, ParametersOf(member.Value), BodiesOf(member.Value));

    private static List<Parameter> ParametersOf(JsonElement operation) =>
        !operation.TryGetProperty("parameters", out var all) ? [] : [.. all.EnumerateArray().Select(Resolved).Select(p => new Parameter(
        p.GetProperty("name").GetString()!, p.GetProperty("in")
            .GetString()!, p.TryGetProperty("required", out var required) && required.GetBoolean(), p.GetProperty("schema")))];

    private static List<BodyKind> BodiesOf(JsonElement operation) => !operation.TryGetProperty("requestBody", out var body) ? [] :
        [.. Resolved(body)
            .GetProperty("content").EnumerateObject().Select(c => new BodyKind(c.Name, Resolved(c.Value.GetProperty("schema"))))];
}

/// <summary>What the document says can be asked.</summary>
internal sealed record Operation(string Method, string Path, IReadOnlyList<Parameter> Parameters, IReadOnlyList<BodyKind> Bodies)
{
    public string Name => $"{Method} {Path}";

    public IEnumerable<Parameter> In(string place) => Parameters.Where(p => p.In == place);
}

internal sealed record Parameter(string Name, string In, bool IsRequired, JsonElement Schema);

internal sealed record BodyKind(string MediaType, JsonElement Schema);
