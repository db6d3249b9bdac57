using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Endpoints;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Surety.AspNetCore.Problems;

/// <summary>The only place that sends problems, the framework's own included: every one leaves with every member.</summary>
internal sealed class ProblemWriter(IOptions<EdgeOptions> options, IOptions<JsonOptions> json) : IProblemDetailsWriter
{
    private readonly string typeBase = options.Value.ProblemBase.AbsoluteUri;

    public bool CanWrite(ProblemDetailsContext context) => true;

    public ValueTask WriteAsync(ProblemDetailsContext context) => new(WriteAsync(context.HttpContext, context.ProblemDetails));

    public async Task WriteAsync(HttpContext http, ProblemDetails problem)
    {
        if (problem is HttpValidationProblemDetails failed)
            problem = Validation.Problem(failed.Errors, http.GetEndpoint(), json.Value.SerializerOptions);
        var status = problem.Status ??= http.Response.StatusCode >= 400 ? http.Response.StatusCode : 500;
        Complete(http, problem, status);

        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        if (status == StatusCodes.Status415UnsupportedMediaType && response.Headers.Accept.Count == 0)
            response.Headers.Accept = AcceptedBy(http);
        if (HttpMethods.IsHead(http.Request.Method)) return;
        var bytes = JsonSerializer.SerializeToUtf8Bytes(problem, problem.GetType(), EdgeJson.Own);
        // Code that said that there is no body may have said so in a header.
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes);
    }

    /// <summary>Writes what is the same in every answer with this problem; it comes with its status, its detail and its outcome.</summary>
    public ReadyProblem Prepare(ProblemDetails problem)
    {
        var status = problem.Status!.Value;
        Name(problem, status);
        problem.Instance = ReadyProblem.Instance;
        problem.Extensions["traceId"] = ReadyProblem.Trace;
        return new ReadyProblem(status, JsonSerializer.SerializeToUtf8Bytes(problem, EdgeJson.Own));
    }

    private void Complete(HttpContext http, ProblemDetails problem, int status)
    {
        Name(problem, status);
        problem.Instance ??= http.Request.PathBase.Add(http.Request.Path).ToUriComponent();
        problem.Extensions["traceId"] = Activity.Current?.TraceId.ToHexString() ?? http.TraceIdentifier;
        problem.Extensions.TryAdd("outcome", OutcomeOf(http, status));
        if (string.IsNullOrEmpty(problem.Detail)) problem.Detail = DetailOf(http, status);
    }

    private void Name(ProblemDetails problem, int status)
    {
        var code = problem.Extensions.TryGetValue("code", out var given) && given is string text ? text : ProblemCodes.CodeOf(status);
        problem.Extensions["code"] = code;
        // The framework fills in pages about the status code, which say nothing of the problem.
        problem.Type = $"{typeBase}#{code}";
        if (given is null || string.IsNullOrEmpty(problem.Title)) problem.Title = ProblemCodes.TitleOf(code);
    }

    /// <summary>
    /// A refusal did nothing, nor did a failure that was rolled back or only read. Of any other failure nobody can say from here how far
    /// the endpoint came.
    /// </summary>
    private static string OutcomeOf(HttpContext http, int status)
    {
        var safe = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            || HttpMethods.IsOptions(http.Request.Method);
        var mayHaveEffect = http.Features.Get<IRequestEffect>() is { MayHaveEffect: true };
        var undone = !mayHaveEffect && http.GetEndpoint()?.Metadata.GetMetadata<CommandMetadata>() is not null;
        return status < 500 || (safe && !mayHaveEffect) || undone ? "none" : "unknown";
    }

    private static string? DetailOf(HttpContext http, int status) => status switch
    {
        400 => "The request is malformed.",
        401 => "Send an API key or another credential this server takes in the Authorization header.",
        403 => "The credential is good, but it does not allow this request.",
        404 => "No resource has this address, or the caller may not know of it.",
        405 => $"Allowed here: {http.Response.Headers.Allow}.",
        408 => "The request did not arrive in time.",
        413 => "The body is larger than this endpoint takes.",
        415 => "The Content-Type is not one this endpoint takes; the Accept header names those it does.",
        500 => "The failure has been logged under the traceId.",
        504 => "The answer was not ready in time.",
        _ => null,
    };

    private static string AcceptedBy(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes is { Count: > 0 } types
            ? string.Join(", ", types) : "application/json";
}
