using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// Makes a controller's errors the same as everybody's: its refusals of what it cannot read or validate, the bare statuses that
/// <c>[ApiController]</c> would dress up, and the problems that an action returns.
/// </summary>
internal sealed class ControllerProblems : IAlwaysRunResultFilter, IPostConfigureOptions<ApiBehaviorOptions>
{
    public void PostConfigure(string? name, ApiBehaviorOptions options)
    {
        // A bare status is ours to explain.
        options.SuppressMapClientErrors = true;
        options.InvalidModelStateResponseFactory = Refuse;
    }

    public void OnResultExecuting(ResultExecutingContext context)
    {
        if (context.Result is ObjectResult { Value: ProblemDetails problem } result)
            context.Result = new Answer(problem, problem.Status ?? result.StatusCode);
    }

    public void OnResultExecuted(ResultExecutedContext context)
    {
    }

    private static Answer Refuse(ActionContext context)
    {
        var services = context.HttpContext.RequestServices;
        var fault = context.ModelState.Values.SelectMany(entry => entry.Errors).Select(e => e.Exception).OfType<JsonException>()
            .FirstOrDefault();
        if (fault is not null)
            return new Answer(MalformedBody.Problem(fault, services.GetRequiredService<IOptions<EdgeOptions>>().Value.MaxJsonDepth), 400);
        var body = context.ActionDescriptor.Parameters.FirstOrDefault(p => p.BindingInfo?.BindingSource == BindingSource.Body);
        var failed = context.ModelState.Where(entry => entry.Value is { Errors.Count: > 0 }).Select(
            entry => KeyValuePair.Create(entry.Key, entry.Value!.Errors.Select(Text).ToArray()));
        var json = services.GetRequiredService<IOptions<JsonOptions>>().Value.JsonSerializerOptions;
        return new Answer(Validation.Problem(failed, context.HttpContext.GetEndpoint(), json, body?.ParameterType), 400);
    }

    /// <summary>The text of an exception could name what is the server's own business.</summary>
    private static string Text(ModelError error) =>
        error.ErrorMessage.Length > 0 ? error.ErrorMessage : "The value is missing or has the wrong type.";

    private sealed class Answer(ProblemDetails problem, int? status) : IActionResult
    {
        public Task ExecuteResultAsync(ActionContext context)
        {
            problem.Status ??= status;
            return new ProblemResult(problem).ExecuteAsync(context.HttpContext);
        }
    }
}
