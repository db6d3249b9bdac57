using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.OpenApi;
using Surety.AspNetCore;

namespace Surety;

/// <summary>The host's contract as an OpenAPI 3.1 document.</summary>
public static class OpenApiExtensions
{
    /// <summary>
    /// Adds the document <c>v1</c>, and everything the edge does to it: idempotency keys, refusals with their codes, limits, credentials,
    /// headers, links, jobs and uploads. <c>MapSurety</c> serves it to everybody at <c>/openapi/v1.json</c>.
    /// </summary>
    /// <remarks>
    /// Success answers are declared as everywhere, by <c>Produces</c>, <c>TypedResults</c>, <c>WithName</c>, <c>WithSummary</c>,
    /// <c>WithDescription</c> and <c>WithTags</c>; the application's own refusals by <see cref="Refuses"/>. When the document is made at
    /// build, no hosted service is started. The framework's <c>services.Configure&lt;OpenApiOptions&gt;("v1", …)</c>, called after this,
    /// changes the rest.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="describe">Says what the API is: <c>Info</c>, <c>Servers</c>, and the tags with their descriptions.</param>
    /// <exception cref="InvalidOperationException">It was added before.</exception>
    public static IServiceCollection AddSuretyOpenApi(this IServiceCollection services, Action<OpenApiDocument>? describe = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(s => s.ServiceType == typeof(ServedDocument)))
            throw new InvalidOperationException("AddSuretyOpenApi was called twice on one host. Put everything into one call.");
        services.AddSingleton<ServedDocument>();
        if (DocumentBuild.IsOn) DocumentBuild.StartNothing(services);
        return services.AddOpenApi(ServedDocument.Name, document =>
        {
            document.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            document.CreateSchemaReferenceId = new SchemaNames().Of;
            document.AddSchemaTransformer(SchemaNotes.ApplyAsync);
            document.AddOperationTransformer<EdgeOperation>();
            document.AddDocumentTransformer((whole, context, _) =>
            {
                WholeDocument.Begin(whole);
                describe?.Invoke(whole);
                WholeDocument.Complete(whole);
                Report(context);
                return Task.CompletedTask;
            });
        });
    }

    /// <summary>
    /// Says that the endpoints may answer with a problem of this status and code, as <see cref="HttpProblem.Of"/> makes it. It stands in
    /// the document; nothing else changes.
    /// </summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    /// <param name="status">400 to 599.</param>
    /// <param name="code">The problem's code.</param>
    /// <param name="detail">When it is answered, in a sentence; also the example's detail.</param>
    public static TBuilder Refuses<TBuilder>(this TBuilder endpoints, int status, string code, string detail)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 400);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        ArgumentException.ThrowIfNullOrEmpty(code);
        ArgumentException.ThrowIfNullOrEmpty(detail);
        endpoints.Add(endpoint => endpoint.Metadata.Add(new Refusal(status, code, detail)));
        return endpoints;
    }

    /// <summary>Says that the endpoints' answers of a status carry a header. It stands in the document; nothing else changes.</summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    /// <param name="status">The answer's status.</param>
    /// <param name="name">The header. Those that Surety itself sends are described already.</param>
    /// <param name="description">What it says; null for one of Surety's own.</param>
    public static TBuilder AnswersWithHeader<TBuilder>(this TBuilder endpoints, int status, string name, string? description = null)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (description is null && !AnswerHeaders.Knows(name))
            throw new ArgumentException($"The header \"{name}\" is none of Surety's own. Say what it means.", nameof(description));
        endpoints.Add(endpoint => endpoint.Metadata.Add(new AnswerHeader(status, name, description)));
        return endpoints;
    }

    private static void Report(OpenApiDocumentTransformerContext context)
    {
        var logger = context.ApplicationServices.GetRequiredService<ILogger<ServedDocument>>();
        var endpoints = context.ApplicationServices.GetRequiredService<EndpointDataSource>().Endpoints;
        foreach (var endpoint in UndescribedEndpoints.Of(endpoints, context.DescriptionGroups.SelectMany(g => g.Items)))
            logger.Undescribed(endpoint);
    }

    internal static void Map(IEndpointRouteBuilder endpoints)
    {
        if (endpoints.ServiceProvider.GetService<ServedDocument>() is not { } document) return;
        endpoints.MapGet(
                ServedDocument.Path, (HttpContext http, CancellationToken cancel) => document.GetAsync(http.Request.PathBase, cancel))
            .AllowAnonymous().ExcludeFromDescription();
    }
}
