using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Lists;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Jobs;

/// <summary><c>/jobs</c>: list, follow, fetch, cancel. To anybody but its owner and the operators a job does not exist.</summary>
internal static class JobEndpoints
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var jobs = endpoints.MapGroup(OwnGroups.JobsPath).RequireAuthorization().WithTags(OwnGroups.JobsTag);
        jobs.MapGet("", JobList.GetAsync).ProducesPage<JobView>().Describe(JobOperations.List);
        jobs.MapGet("/{id}", GetAsync).DisableRequestTimeout().Answers(200, typeof(JobView)).Describe(JobOperations.Follow);
        jobs.MapGet("/{id}/events", GetEventsAsync).LongRunning().Describe(JobOperations.Stream);
        jobs.MapGet("/{id}/result", GetResultAsync).Describe(JobOperations.Fetch);
        jobs.MapDelete("/{id}", CancelAsync).Answers(202, typeof(JobView)).Answers(204).Describe(JobOperations.Cancel);
    }

    private static async Task<IResult> GetAsync(string id, string? wait, HttpContext http, IMessages messages, JobWait waiting)
    {
        http.Response.Headers.Append("Vary", $"Accept, {Preference.Header}");
        if (WantsEvents(http.Request)) return await GetEventsAsync(id, http, messages);
        if (!TryReadWait(wait, out var patience))
            return new ProblemResult(Validation.Problem("invalid", $"Seconds to wait, 0 to {JobWait.Longest.TotalSeconds}.", "wait"));
        var preferred = wait is null ? Preference.Read(http.Request.Headers[Preference.Header]).Wait : null;
        if (preferred is > 0 and var seconds) patience = TimeSpan.FromSeconds(Math.Min(seconds, JobWait.Longest.TotalSeconds));
        if (patience == TimeSpan.Zero || !waiting.TryEnter(http)) return Answer(await FindAsync(id, http, messages), id, http);
        try
        {
            var known = http.Request.Headers.IfNoneMatch;
            var found = await waiting.UntilAsync(
                () => FindAsync(id, http, messages),
                f => f.Job is not { } job || JobView.IsTerminal(job.Status)
                    || (known.Count > 0 && !EntityTags.AnyMatches(known, JobView.EntityTag(job))),
                patience, http.RequestAborted);
            if (preferred is > 0 && found.Job is not null)
                http.Response.Headers[Preference.Applied] = string.Create(CultureInfo.InvariantCulture, $"wait={patience.TotalSeconds}");
            return Answer(found, id, http);
        }
        finally
        {
            waiting.Leave();
        }
    }

    private static IResult Answer(Found found, string id, HttpContext http)
    {
        if (found.Job is not { } job) return NoSuchJob(id, found.WasGiven);
        var tag = JobView.EntityTag(job);
        http.Response.Headers.ETag = tag;
        http.Response.Headers.CacheControl = "no-cache, private";
        if (!JobView.IsTerminal(job.Status)) http.Response.Headers.RetryAfter = "1";
        return EntityTags.AnyMatches(http.Request.Headers.IfNoneMatch, tag)
            ? Results.StatusCode(StatusCodes.Status304NotModified) : JobResults.Status(http, job, StatusCodes.Status200OK);
    }

    private static async Task<IResult> GetEventsAsync(string id, HttpContext http, IMessages messages)
    {
        var found = await FindAsync(id, http, messages);
        return found.Job is { } job ? JobStream.Open(http, job) : NoSuchJob(id, found.WasGiven);
    }

    private static async Task<IResult> GetResultAsync(string id, HttpContext http, IMessages messages)
    {
        var found = await FindAsync(id, http, messages);
        if (found.Job is not { } job) return NoSuchJob(id, found.WasGiven);
        if (job.Result is not { } result)
            return HttpProblem.Of(
                404, ProblemCodes.JobHasNoResult,
                $"Job {id} is {JsonNamingPolicy.CamelCase.ConvertName(job.Status.ToString())} and has no result.");
        return JobResults.Of(http, job, result);
    }

    private static async Task<IResult> CancelAsync(string id, HttpContext http, IMessages messages)
    {
        var found = await FindAsync(id, http, messages);
        if (found.Job is not { } job) return NoSuchJob(id, found.WasGiven);
        switch (await messages.CancelAsync(job.Id, $"Cancelled by {http.User.Principal()}.", http.RequestAborted))
        {
            case CancelAnswer.Cancelled:
                return Results.NoContent();
            case CancelAnswer.Requested:
                job = await messages.FindAsync(job.Id, http.RequestAborted) ?? job;
                http.Response.Headers.Location = JobView.Address(http, job.Id, job.Owner);
                http.Response.Headers.RetryAfter = "1";
                return JobResults.Status(http, job, StatusCodes.Status202Accepted);
            case CancelAnswer.AlreadyEnded:
                return HttpProblem.Of(409, ProblemCodes.JobNotCancellable, $"Job {id} has already ended.");
            default:
                return NoSuchJob(id, found.WasGiven);
        }
    }

    /// <summary>The job, if the caller may see it; and whether this whole id was once given to him.</summary>
    private static async Task<Found> FindAsync(string text, HttpContext http, IMessages messages)
    {
        if (!JobIds.TryRead(text, out var id, out var signature)) return default;
        var ids = http.RequestServices.GetRequiredService<JobIds>();
        var wasGiven = signature is not null && ids.IsGiven(id, http.User.Principal(), signature);
        if (await messages.FindAsync(id, http.RequestAborted) is not { } job) return new(null, wasGiven);
        var isGenuine = signature is null || wasGiven || ids.IsGiven(id, job.Owner, signature);
        return JobView.MaySee(http.User, job) && isGenuine ? new(job, wasGiven) : default;
    }

    private static IResult NoSuchJob(string id, bool wasGiven)
    {
        if (id.Length > 40) id = id[..40];
        return wasGiven
            ? HttpProblem.Of(410, ProblemCodes.JobGone, $"Job {id} ended, and is no longer kept.")
            : HttpProblem.Of(404, ProblemCodes.NotFound, $"There is no job \"{id}\" that the caller may see.");
    }

    /// <summary>Named, and no less wanted than JSON: <c>*/*</c> is not enough.</summary>
    private static bool WantsEvents(HttpRequest request) =>
        request.GetTypedHeaders().Accept.Where(a => a.MediaType.Equals(JobStream.ContentType, StringComparison.OrdinalIgnoreCase))
            .Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max() is > 0 and var events
        && request.GetTypedHeaders().Accept.Where(a => a.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
            .All(a => (a.Quality ?? 1) <= events);

    private static bool TryReadWait(string? text, out TimeSpan wait)
    {
        wait = default;
        if (text is null) return true;
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            || !double.IsFinite(seconds)) return false;
        wait = TimeSpan.FromSeconds(Math.Min(seconds, JobWait.Longest.TotalSeconds));
        return true;
    }

    private readonly record struct Found(MessageInfo? Job, bool WasGiven);
}
