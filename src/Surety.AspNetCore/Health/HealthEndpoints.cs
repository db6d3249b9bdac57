using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Health;

/// <summary>
/// <c>/livez</c>: this process answers. <c>/readyz</c>: it can do its work and is not going away. <c>/startupz</c>: it has finished
/// starting. One word for probes, JSON with <c>?verbose</c> for operators. Probes leave no span, no metric and no line in the HTTP log.
/// </summary>
internal static class HealthEndpoints
{
    // Some balancers probe with HEAD.
    private static readonly string[] Methods = ["GET", "HEAD"];
    private static readonly TimeSpan StorePatience = TimeSpan.FromSeconds(2);

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        Map(endpoints, "/livez", (http, _) => Answer(http, new Report(true, "ok", [], [])));
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

    private static async Task ReadyAsync(HttpContext http, IServiceProvider services)
    {
        var health = services.GetRequiredService<SuretyHealth>();
        var stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;
        var store = await CheckAsync(
            services.GetRequiredService<IStore>(), services.GetRequiredService<TimeProvider>(), http.RequestAborted);

        var problems = new List<string>();
        if (stopping || health.Draining) problems.Add("The host is shutting down.");
        else if (!IsStarted(services)) problems.Add("The host has not finished starting.");
        if (!store.Ready) problems.Add($"Store: {store.Detail}");
        problems.AddRange(health.Problems);
        var status = problems.Count == 0 ? "ok" : stopping || health.Draining ? "draining" : "not ready";
        var details = Details(store, health, services.GetRequiredService<Admission>());
        await Answer(http, new Report(problems.Count == 0, status, problems, [.. details]));
    }

    private static IEnumerable<string> Details(StoreStatus store, SuretyHealth health, Admission admission)
    {
        yield return $"Store: {store.Detail}";
        if (health.IsStandby)
            yield return "Standby: another process works on this store; this one enqueues, and takes over when the other ends.";
        foreach (var reason in health.Degraded) yield return reason;
        if (admission.IsShedding)
            yield return $"Overloaded: requests are refused; {admission.AtWork} are at work, of {admission.Limit}.";
    }

    private static Report Started(IServiceProvider services) =>
        IsStarted(services) ? new Report(true, "ok", [], []) : new Report(false, "starting", [], []);

    /// <summary>Surety has started, and whatever else the host runs.</summary>
    private static bool IsStarted(IServiceProvider services) =>
        services.GetRequiredService<SuretyHealth>().Started
            && services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.IsCancellationRequested;

    private static async Task<StoreStatus> CheckAsync(IStore store, TimeProvider time, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(StorePatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        try
        {
            return await store.CheckAsync(either.Token).AsTask().WaitAsync(either.Token);
        }
        catch (OperationCanceledException)
        {
            return new StoreStatus(false, $"did not answer within {StorePatience.TotalSeconds} s");
        }
    }

    private static Task Answer(HttpContext http, Report report)
    {
        http.Response.StatusCode = report.Ok ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.Headers.CacheControl = "no-store";
        if (http.Request.Query.ContainsKey("verbose") && http.User.IsOperator())
            return http.Response.WriteAsJsonAsync(
                new { report.Status, report.Problems, report.Details }, EdgeJson.Own, "application/json", http.RequestAborted);
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(report.Status, http.RequestAborted);
    }

    private readonly record struct Report(bool Ok, string Status, IReadOnlyList<string> Problems, IReadOnlyList<string> Details);
}
