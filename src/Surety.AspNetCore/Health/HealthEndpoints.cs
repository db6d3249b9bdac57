using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Health;

/// <summary>
/// <c>/livez</c>: this process answers. <c>/readyz</c>: it can do its work and is not going away. <c>/startupz</c>: it has finished
/// starting. One word for probes, JSON with <c>?verbose</c> for operators. Probes leave no span, no metric and no line in the HTTP log.
/// </summary>
internal static class HealthEndpoints
{
    // Some balancers probe with HEAD.
    private static readonly string[] Methods = ["GET", "HEAD"];

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "/livez", (http, _) => Answer(http, new HostReport(true, "ok", [], [])));
        Map(endpoints, "/readyz", ReadyAsync);
        Map(endpoints, "/startupz", (http, services) => Answer(http, Started(services)));
    }

    private static void Map(IEndpointRouteBuilder endpoints, string pattern, Func<HttpContext, IServiceProvider, Task> answer) =>
        endpoints.MapMethods(pattern, Methods, (RequestDelegate)(http =>
        {
            if (Activity.Current is { } span)
            {
                span.IsAllDataRequested = false;
                span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            }

            return answer(http, http.RequestServices);
        })).AllowAnonymous().WithMetadata(new ProbeMetadata()).DisableHttpMetrics()
            .WithHttpLogging(Microsoft.AspNetCore.HttpLogging.HttpLoggingFields.None).ExcludeFromDescription();

    private static async Task ReadyAsync(HttpContext http, IServiceProvider services) =>
        await Answer(http, await Readiness.ReadAsync(services, http.RequestAborted));

    private static HostReport Started(IServiceProvider services) =>
        Readiness.IsStarted(services) ? new HostReport(true, "ok", [], []) : new HostReport(false, "starting", [], []);

    private static Task Answer(HttpContext http, HostReport report)
    {
        http.Response.StatusCode = report.Ok ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.Headers.CacheControl = "no-store";
        if (http.Request.Query.ContainsKey("verbose") && http.User.IsOperator())
            return http.Response.WriteAsJsonAsync(
                new { report.Status, report.Problems, report.Details }, EdgeJson.Own, "application/json", http.RequestAborted);
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(report.Status, http.RequestAborted);
    }
}
