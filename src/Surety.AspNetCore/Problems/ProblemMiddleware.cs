using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore;

/// <summary>
/// The outermost layer: no error leaves without a problem. Installed by a startup filter, so that it surrounds routing and authentication and no host can forget it. In Development the
/// framework's exception page sits further in; it asks its filters first, and so the answer is the same there.
/// </summary>
internal sealed class ProblemMiddleware(ProblemWriter writer, IOptions<EdgeOptions> options, ILogger<ProblemMiddleware> logger) : IDeveloperPageExceptionFilter
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
            if (exception is not (OperationCanceledException or IOException)) Report(exception, context.Request);
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
        Report(exception, context.Request);
        return AnswerAsync(context, exception);
    }

    public Task HandleExceptionAsync(ErrorContext errorContext, Func<ErrorContext, Task> next) => AnswerAsync(errorContext.HttpContext, errorContext.Exception);

    /// <summary>An error status without a body: the framework's own 404, 405 or 401, or <c>TypedResults.NotFound()</c>.</summary>
    public static bool IsBareError(HttpResponse response) =>
        response.StatusCode >= 400 && !response.HasStarted && response.ContentType is null && response.ContentLength is null or 0
        && response.StatusCode != StatusCodes.Status499ClientClosedRequest;

    private async Task AnswerAsync(HttpContext context, Exception exception)
    {
        // What the request has spent of its quotas stays spent.
        var (policies, quotas) = (context.Response.Headers["RateLimit-Policy"], context.Response.Headers["RateLimit"]);
        context.Response.Clear();
        if (policies.Count > 0) (context.Response.Headers["RateLimit-Policy"], context.Response.Headers["RateLimit"]) = (policies, quotas);
        if (Failures.IsTransient(exception)) context.Response.Headers.RetryAfter = "1";
        await writer.WriteAsync(context, Failures.Problem(exception, options.Value.MaxJsonDepth, context.GetEndpoint(), context.Features.Get<Command>() is { MayHaveEffect: true }));
    }

    private void Report(Exception exception, HttpRequest request)
    {
        // Escaped: a path may hold line breaks.
        var path = request.Path.ToUriComponent();
        if (exception is BadHttpRequestException || FormFaultException.In(exception) is not null) logger.RequestRefused(path, exception.Message);
        else if (exception is StoreException or NotCommittedException or CommandTimeoutException or System.Data.Common.DbException { IsTransient: true }) logger.CommandFailed(exception, path);
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
