using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;

namespace Surety.AspNetCore.OpenApi;

/// <summary>What can be said only when every operation is there.</summary>
internal static class WholeDocument
{
    private const string ThisHost = "The host that serves this document.";

    /// <summary>So that the document is the same wherever it is made: the framework names the address it was asked at.</summary>
    public static void Begin(OpenApiDocument document) => document.Servers = [new OpenApiServer { Url = "/", Description = ThisHost }];

    /// <summary>The paths begin behind the base that the host is asked under. What the application itself says of servers stays.</summary>
    public static void ServeUnder(OpenApiDocument document, PathString pathBase)
    {
        if (pathBase.HasValue && document.Servers is [{ Url: "/", Description: ThisHost } server]) server.Url = pathBase.ToUriComponent();
    }

    public static void Complete(OpenApiDocument document)
    {
        var operations = document.Paths.SelectMany(
            path => (path.Value.Operations ?? []).Select(o => new Site(path.Key, o.Key.Method, o.Value))).ToList();
        OpenAnswers(document, operations);
        var examples = new Examples(document);
        foreach (var (path, _, operation) in operations)
        {
            AddTags(document, operation);
            AddLinks(document, operations, path, operation);
            AddExamples(examples, operation);
            Sort(operation);
        }

        Sort(document);
    }

    private static void AddTags(OpenApiDocument document, OpenApiOperation operation)
    {
        document.Tags ??= new HashSet<OpenApiTag>();
        foreach (var name in (operation.Tags ?? new HashSet<OpenApiTagReference>()).Select(t => t.Name ?? t.Reference.Id).OfType<string>())
        {
            var tag = document.Tags.FirstOrDefault(t => t.Name == name);
            if (tag is null) document.Tags.Add(tag = new OpenApiTag { Name = name });
            tag.Description ??= OwnGroups.Descriptions.GetValueOrDefault(name);
        }
    }

    /// <summary>
    /// What was made, or is being done, can be asked for: by the member of the answer that the address of the other operation wants.
    /// </summary>
    private static void AddLinks(OpenApiDocument document, List<Site> operations, string path, OpenApiOperation operation)
    {
        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (status is not ("201" or "202") || response is not OpenApiResponse { Content: { } content } own
                || !content.TryGetValue("application/json", out var media)) continue;
            if (Resolve(media.Schema, document)?.Properties is not { } members) continue;
            var under = status == "202" ? OwnGroups.JobsPath : path;
            foreach (var target in operations.Where(o => o.Path.StartsWith(under + "/{", StringComparison.Ordinal)
                && o.Path.Count(c => c == '{') == 1))
            {
                var parameter = target.Path[(under.Length + 2)..target.Path.IndexOf('}', StringComparison.Ordinal)];
                if (!members.ContainsKey(parameter) || target.Operation.OperationId is not { } id) continue;
                (own.Links ??= new SortedDictionary<string, IOpenApiLink>(StringComparer.Ordinal))[id] = new OpenApiLink
                {
                    OperationId = id, Description = target.Operation.Summary,
                    Parameters = new Dictionary<string, RuntimeExpressionAnyWrapper>
                    {
                        [parameter] = new() { Expression = RuntimeExpression.Build($"$response.body#/{parameter}") },
                    },
                };
            }
        }
    }

    private static void AddExamples(Examples examples, OpenApiOperation operation)
    {
        foreach (var response in (operation.Responses ?? []).Values.OfType<OpenApiResponse>()) Add(response.Content);
        if (operation.RequestBody is OpenApiRequestBody body) Add(body.Content);

        void Add(IDictionary<string, OpenApiMediaType>? content)
        {
            if (content?.TryGetValue("application/json", out var media) == true
                && media is { Example: null, Examples: null or { Count: 0 }, Schema: { } schema }) media.Example = examples.Of(schema);
        }
    }

    /// <summary>Requests are read strictly, and the schemas say so. Answers may get new members: what is in no request is open.</summary>
    private static void OpenAnswers(OpenApiDocument document, List<Site> operations)
    {
        var closed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var media in operations.SelectMany(o => o.Operation.RequestBody?.Content?.Values ?? [])) Visit(media.Schema);
        foreach (var (id, schema) in document.Components?.Schemas ?? new Dictionary<string, IOpenApiSchema>())
        {
            if (!closed.Contains(id) && schema is OpenApiSchema { AdditionalProperties: null } open)
                open.AdditionalPropertiesAllowed = true;
        }

        void Visit(IOpenApiSchema? schema)
        {
            if (schema is OpenApiSchemaReference { Reference.Id: { } id } && !closed.Add(id)) return;
            if (Resolve(schema, document) is not { } own) return;
            foreach (var part in (own.Properties?.Values ?? []).Concat(own.AllOf ?? []).Concat(own.OneOf ?? []).Concat(own.AnyOf ?? []))
                Visit(part);
            Visit(own.Items);
            Visit(own.AdditionalProperties);
        }
    }

    public static OpenApiSchema? Resolve(IOpenApiSchema? schema, OpenApiDocument document) => schema switch
    {
        OpenApiSchemaReference { Reference.Id: { } id } =>
            document.Components?.Schemas?.TryGetValue(id, out var found) == true ? Resolve(found, document) : null,
        OpenApiSchema own => own,
        _ => null,
    };

    private static void Sort(OpenApiOperation operation)
    {
        if (operation.Responses is not { } responses) return;
        var sorted = responses.OrderBy(r => r.Key, StringComparer.Ordinal).ToList();
        responses.Clear();
        foreach (var (status, response) in sorted) responses.Add(status, response);
    }

    private static void Sort(OpenApiDocument document)
    {
        if (document.Components is not { } components) return;
        components.Schemas = Sorted(components.Schemas);
        components.Responses = Sorted(components.Responses);
        components.Parameters = Sorted(components.Parameters);
        components.Headers = Sorted(components.Headers);

        static IDictionary<string, T>? Sorted<T>(IDictionary<string, T>? items) =>
            items is null ? null : new SortedDictionary<string, T>(items, StringComparer.Ordinal);
    }

    private sealed record Site(string Path, string Method, OpenApiOperation Operation);
}
