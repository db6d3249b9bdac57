using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.Net.Http.Headers;
using Surety.Hosting;

namespace Surety.AspNetCore;

/// <summary><c>/jobs/{id}</c>: follow, fetch, cancel. To anybody but its owner and the operators a job does not exist.</summary>
internal static class JobEndpoints
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var jobs = endpoints.MapGroup("/jobs").RequireAuthorization().WithTags("Jobs");
        jobs.MapGet("/{id}", GetAsync).DisableRequestTimeout();
        jobs.MapGet("/{id}/result", GetResultAsync);
        jobs.MapDelete("/{id}", CancelAsync);
    }

    private static async Task<IResult> GetAsync(string id, string? wait, HttpContext http, IMessages messages, IQueueCatalog queues, WaitingRoom room, TimeProvider time, IHostApplicationLifetime host)
    {
        if (!TryReadWait(wait, out var patience)) return new ProblemResult(Validation.Problem("invalid", $"Seconds to wait, 0 to {LongestWait.TotalSeconds}.", "wait"));
        if (patience == TimeSpan.Zero || !room.TryEnter()) return await AnswerAsync(id, TimeSpan.Zero, http, messages, queues, time, host);
        // It looks now and then; the rest of the time it is not at work.
        http.Features.Get<RequestSlot>()?.GiveUp();
        try
        {
            return await AnswerAsync(id, patience, http, messages, queues, time, host);
        }
        finally
        {
            room.Leave();
        }
    }

    private static async Task<IResult> AnswerAsync(string id, TimeSpan patience, HttpContext http, IMessages messages, IQueueCatalog queues, TimeProvider time, IHostApplicationLifetime host)
    {
        var known = http.Request.Headers.IfNoneMatch;
        var since = time.GetTimestamp();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, host.ApplicationStopping);
        for (;;)
        {
            var job = await FindAsync(id, http, messages);
            if (job is null) return NoSuchJob(id);
            var tag = JobView.EntityTag(job);
            var isNews = JobView.IsTerminal(job.Status) || (known.Count > 0 && !Matches(known, tag));
            if (isNews || stop.IsCancellationRequested || time.GetElapsedTime(since) >= patience)
            {
                http.Response.Headers.ETag = tag;
                http.Response.Headers.CacheControl = "no-cache, private";
                if (!JobView.IsTerminal(job.Status)) http.Response.Headers.RetryAfter = "1";
                if (known.Count > 0 && Matches(known, tag)) return Results.StatusCode(StatusCodes.Status304NotModified);
                return Body(job, http, queues, StatusCodes.Status200OK);
            }

            // Cancelled by shutdown or by the client's leaving: one last look answers with what is known.
            await Task.Delay(BetweenLooks, time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<IResult> GetResultAsync(string id, HttpContext http, IMessages messages)
    {
        var job = await FindAsync(id, http, messages);
        if (job is null) return NoSuchJob(id);
        if (job.Result is not { } result) return Problem.Of(404, "job-has-no-result", $"Job {id} is {EnumText(job.Status)} and has no result.");
        // Made out of what callers sent, perhaps: a browser shows it as what it is and runs nothing of it.
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        http.Response.Headers.CacheControl = "no-cache, private";
        return Results.Bytes(Encoding.UTF8.GetBytes(result.Content), result.ContentType, entityTag: new EntityTagHeaderValue(JobView.EntityTag(job)));
    }

    private static async Task<IResult> CancelAsync(string id, HttpContext http, IMessages messages, IQueueCatalog queues)
    {
        if (await FindAsync(id, http, messages) is not { } job) return NoSuchJob(id);
        switch (await messages.CancelAsync(job.Id, $"Cancelled by {http.User.Principal()}.", http.RequestAborted))
        {
            case CancelAnswer.Cancelled:
                return Results.NoContent();
            case CancelAnswer.Requested:
                job = await messages.FindAsync(job.Id, http.RequestAborted) ?? job;
                http.Response.Headers.Location = JobView.Address(http, job.Id);
                http.Response.Headers.RetryAfter = "1";
                return Body(job, http, queues, StatusCodes.Status202Accepted);
            case CancelAnswer.AlreadyEnded:
                return Problem.Of(409, Problems.JobNotCancellable, $"Job {id} has already ended.");
            default:
                return NoSuchJob(id);
        }
    }

    private static async Task<MessageInfo?> FindAsync(string id, HttpContext http, IMessages messages)
    {
        if (!MessageId.TryParse(id, null, out var number) || await messages.FindAsync(number, http.RequestAborted) is not { } job) return null;
        return http.User.IsOperator() || (job.Owner is not null && job.Owner == http.User.Principal()) ? job : null;
    }

    private static JsonResult Body(MessageInfo job, HttpContext http, IQueueCatalog queues, int status) =>
        new(JobView.Of(job, queues.MaxAttempts(job.Queue), JobView.Address(http, job.Id)), status);

    private static IResult NoSuchJob(string id) =>
        Problem.Of(404, Problems.NotFound, $"There is no job \"{(id.Length <= 40 ? id : id[..40])}\" that the caller may see; finished jobs are kept for their queue's retention only.");

    private static bool TryReadWait(string? text, out TimeSpan wait)
    {
        wait = default;
        if (text is null) return true;
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) || !double.IsFinite(seconds)) return false;
        wait = TimeSpan.FromSeconds(Math.Min(seconds, LongestWait.TotalSeconds));
        return true;
    }

    private static bool Matches(Microsoft.Extensions.Primitives.StringValues known, string tag)
    {
        foreach (var line in known)
            foreach (var part in (line ?? "").Split(',', StringSplitOptions.TrimEntries))
                if (part == "*" || part == tag || (part.StartsWith("W/", StringComparison.Ordinal) && part[2..] == tag)) return true;
        return false;
    }

    private static string EnumText(MessageStatus status) => JsonNamingPolicy.CamelCase.ConvertName(status.ToString());

    private sealed class JsonResult(JobView view, int status) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            return httpContext.Response.WriteAsJsonAsync(view, EdgeJson.Own, "application/json", httpContext.RequestAborted);
        }
    }
}
