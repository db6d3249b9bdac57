using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Surety.Hosting;

namespace Surety.AspNetCore.Jobs;

/// <summary>A job's answers.</summary>
internal static class JobResults
{
    /// <summary>The job as it is.</summary>
    public static IResult Status(HttpContext http, MessageInfo job, int status) => new StatusResult(View(http, job), status);

    public static JobView View(HttpContext http, MessageInfo job)
    {
        var services = http.RequestServices;
        return JobView.Of(
            job, services.GetRequiredService<JobIds>().Text(job.Id, job.Owner),
            services.GetRequiredService<IQueueCatalog>().MaxAttempts(job.Queue), JobView.Address(http, job.Id, job.Owner));
    }

    /// <summary>What the job made.</summary>
    public static IResult Of(HttpContext http, MessageInfo job, JobResult result)
    {
        // Made out of what callers sent, perhaps: a browser shows it as what it is and runs nothing of it.
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        http.Response.Headers.CacheControl = "no-cache, private";
        return Results.Bytes(
            Encoding.UTF8.GetBytes(result.Content), result.ContentType, entityTag: new EntityTagHeaderValue(JobView.EntityTag(job)));
    }

    private sealed class StatusResult(JobView view, int status) : IResult, IStatusCodeHttpResult
    {
        public int? StatusCode => status;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            return httpContext.Response.WriteAsJsonAsync(view, EdgeJson.Own, "application/json", httpContext.RequestAborted);
        }
    }
}
