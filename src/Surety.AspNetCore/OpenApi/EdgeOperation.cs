using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Security;

namespace Surety.AspNetCore.OpenApi;

/// <summary>
/// Adds to an operation what the edge does around its endpoint: the headers it reads and writes, and the problems it answers with.
/// </summary>
internal sealed class EdgeOperation(IOptions<EdgeOptions> options) : IOpenApiOperationTransformer
{
    private readonly EdgeOptions edge = options.Value;

    public Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = new MetadataView(context.Description.ActionDescriptor.EndpointMetadata);
        var site = new OperationSite(context.Description.HttpMethod ?? "GET", context.Document!, edge);
        operation.OperationId ??= NameOf(context.Description);
        foreach (var note in metadata.All<OperationNote>()) note.Describe(operation, site);

        var traits = TraitsOf(operation, metadata);
        if (traits.TakesKey) (operation.Parameters ??= []).Add(KeyParameter.Of(traits.NeedsKey, site));
        AddCredential(operation, metadata, traits.NeedsCaller, site.Document);
        AddHeaders(operation, metadata, traits, site.Document);
        AddRefusals(operation, metadata, traits, site);
        return Task.CompletedTask;
    }

    /// <summary>For endpoints without a name: <c>GET /orders/{id}</c> is <c>getOrdersById</c>.</summary>
    private static string NameOf(ApiDescription endpoint)
    {
        var words = (endpoint.RelativePath ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries)
            .Select(step => step.StartsWith('{')
                ? "By" + Capital(step.Trim('{', '}')) : string.Concat(step.Split('-', '.', '_').Select(Capital)));
        return string.Concat(words.Prepend((endpoint.HttpMethod ?? "get").ToLowerInvariant()));
    }

    private static string Capital(string word) =>
        word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + new string([.. word[1..].Where(char.IsAsciiLetterOrDigit)]);

    private static EndpointTraits TraitsOf(OpenApiOperation operation, MetadataView metadata)
    {
        var command = metadata.Last<CommandMetadata>();
        var hasBody = operation.RequestBody is not null && !metadata.All<OperationNote>().Any(n => n.ReadsBodyItself);
        return new EndpointTraits(
            HasBody: hasBody,
            MaxBodyBytes: metadata.Last<IRequestSizeLimitMetadata>()?.MaxRequestBodySize,
            NeedsCaller: metadata.Last<IAllowAnonymous>() is null,
            TakesKey: command is not null,
            NeedsKey: command is { KeyRequired: true },
            IsCounted: metadata.Last<NoQuotaMetadata>() is null,
            HasTimeLimit: command is null && metadata.Last<LongRunningMetadata>() is null
                && metadata.Last<Microsoft.AspNetCore.Http.Timeouts.DisableRequestTimeoutAttribute>() is null);
    }

    private static void AddCredential(OpenApiOperation operation, MetadataView metadata, bool needed, OpenApiDocument document)
    {
        if (!needed)
        {
            operation.Security = [new OpenApiSecurityRequirement()];
            return;
        }

        var scheme = document.SecurityScheme(ApiKeyHandler.SchemeName, () => new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "sk_…",
                Description = "An API key, or another bearer token that the host takes.",
        });
        operation.Security = [new OpenApiSecurityRequirement { [scheme] = [] }];
        // Only OAuth's schemes have scopes; of others, linters want none named.
        foreach (var policy in metadata.All<IAuthorizeData>().Select(a => a.Policy).OfType<string>().Distinct())
            operation.Description = $"{operation.Description} Only for callers whom the policy `{policy}` lets in.".TrimStart();
    }

    private static void AddHeaders(OpenApiOperation operation, MetadataView metadata, EndpointTraits traits, OpenApiDocument document)
    {
        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (traits.IsCounted) AnswerHeaders.AddTo(response, document, AnswerHeaders.RateLimit, AnswerHeaders.RateLimitPolicy);
            if (traits.TakesKey && status[0] == '2') AnswerHeaders.AddTo(response, document, AnswerHeaders.Replayed);
            if (status is "201" or "202") AnswerHeaders.AddTo(response, document, AnswerHeaders.Location);
            if (status == "202") AnswerHeaders.AddTo(response, document, AnswerHeaders.RetryAfter);
            if (response is not OpenApiResponse own) continue;
            foreach (var header in metadata.All<AnswerHeader>().Where(h => SchemaText.Of(h.Status) == status))
            {
                own.Headers ??= new SortedDictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
                own.Headers[header.Name] = AnswerHeaders.Of(header.Name, header.Description, document);
            }
        }
    }

    private void AddRefusals(OpenApiOperation operation, MetadataView metadata, EndpointTraits traits, OperationSite site)
    {
        var declared = metadata.All<Refusal>().Concat(site.Refusals).ToList();
        operation.Responses ??= [];
        foreach (var group in declared.Concat(EdgeRefusals.Of(traits, edge)).GroupBy(r => r.Status).OrderBy(g => g.Key))
        {
            var refusals = group.DistinctBy(r => r.Code).ToList();
            var own = refusals.Any(declared.Contains);
            var headers = new List<string>();
            if (traits.IsCounted) headers.AddRange([AnswerHeaders.RateLimit, AnswerHeaders.RateLimitPolicy]);
            if (group.Key is 409 or 423 or 429 or 503) headers.Add(AnswerHeaders.RetryAfter);
            if (group.Key == 401) headers.Add("WWW-Authenticate");
            if (group.Key == 415) headers.Add("Accept");
            if (own) headers.AddRange(site.RefusalHeaders.Where(h => h.Status == 0 || h.Status == group.Key).Select(h => h.Header));
            // A refusal of the handler's is remembered under its key like any answer.
            if (own && traits.TakesKey && Endings.Of(group.Key) == Ending.Refuse) headers.Add(AnswerHeaders.Replayed);
            var isShared = !own && !(group.Key == 413 && traits.MaxBodyBytes is not null);
            operation.Responses[SchemaText.Of(group.Key)] = ProblemAnswers.Of(refusals, site, isShared, headers);
        }
    }
}

/// <summary>An endpoint's metadata, by kind.</summary>
internal readonly struct MetadataView(IList<object> items)
{
    public IEnumerable<T> All<T>() => items.OfType<T>();

    public T? Last<T>() where T : class => items.OfType<T>().LastOrDefault();
}
