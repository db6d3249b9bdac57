using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Surety.Storage;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// The outermost layer: no error leaves without a problem. Installed by a startup filter, so that it surrounds routing and authentication
/// and no host can forget it. In Development the framework's exception page sits further in; it asks its filters first, and so the answer
/// is the same there.
/// </summary>
internal sealed class ProblemMiddleware(ProblemWriter writer, IOptions<EdgeOptions> options, ILogger<ProblemMiddleware> logger)
    : IDeveloperPageExceptionFilter
{
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Exception exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to answer, but a failure is one all the same. The status is for access logs only.
            if (exception is not (OperationCanceledException or IOException)) Report(context, exception);
            if (!context.Response.HasStarted) context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, exception);
            return;
        }

        if (IsBareError(context.Response)) await writer.WriteAsync(context, new());
    }

    /// <summary>Logs the exception and answers with its problem.</summary>
    public Task RefuseAsync(HttpContext context, Exception exception)
    {
        Report(context, exception);
        return AnswerAsync(context, exception);
    }

    public Task HandleExceptionAsync(ErrorContext errorContext, Func<ErrorContext, Task> next) =>
        AnswerAsync(errorContext.HttpContext, errorContext.Exception);

    /// <summary>An error status without a body: the framework's own 404, 405 or 401, or <c>TypedResults.NotFound()</c>.</summary>
    public static bool IsBareError(HttpResponse response) =>
        response.StatusCode >= 400 && !response.HasStarted && response.ContentType is null && response.ContentLength is null or 0
        && response.StatusCode != StatusCodes.Status499ClientClosedRequest;

    private async Task AnswerAsync(HttpContext context, Exception exception)
    {
        Clear(context.Response);
        var failure = KnownIn(context, exception);
        if (Failures.IsTransient(exception, failure)) context.Response.Headers.RetryAfter = "1";
        var mayHaveEffect = context.Features.Get<IRequestEffect>() is { MayHaveEffect: true };
        await writer.WriteAsync(context, Failures.Problem(exception, failure, options.Value, context.GetEndpoint(), mayHaveEffect));
    }

    /// <summary>Takes back an answer that was begun. What the request has spent of its quotas stays spent.</summary>
    public static void Clear(HttpResponse response)
    {
        var (policies, quotas) = (response.Headers["RateLimit-Policy"], response.Headers["RateLimit"]);
        response.Clear();
        if (policies.Count > 0) (response.Headers["RateLimit-Policy"], response.Headers["RateLimit"]) = (policies, quotas);
    }

    /// <summary>What an exception says of the store's database.</summary>
    public static KnownFailure? KnownIn(HttpContext context, Exception exception) =>
        context.RequestServices.GetService<IStore>() is { } store ? KnownFailure.In(exception, store) : null;

    private void Report(HttpContext context, Exception exception)
    {
        // Escaped: a path may hold line breaks.
        var path = context.Request.Path.ToUriComponent();
        var failure = KnownIn(context, exception);
        if (exception is BadHttpRequestException || FormFaultException.In(exception) is not null)
            logger.RequestRefused(path, exception.Message);
        else if (Failures.IsOfTheStore(exception, failure)) logger.CommandFailed(exception, path);
        else if (failure is { Constraint: { } constraint } && options.Value.OfConstraints.ContainsKey(constraint))
            logger.RequestRefused(path, exception.Message);
        else logger.RequestFailed(exception, path);
    }
}

/// <summary>Puts the layer in front of everything the host builds.</summary>
internal sealed class ProblemStartupFilter : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        // Not as an IMiddleware: each request would get its scope of services only to find this one, and refused ones need none.
        app.Use(app.ApplicationServices.GetRequiredService<ProblemMiddleware>().InvokeAsync);
        next(app);
    };
}
