using System.Globalization;
using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Idempotency;

namespace Surety.AspNetCore.Jobs;

/// <summary>
/// What becomes of an accepted job's 202 when its client would rather wait: the commit is behind us, nothing is held, and the stored answer
/// stays the 202, so a repeat may wait again.
/// </summary>
internal sealed class PreferredAnswer(JobWait wait) : IPreferredAnswer
{
    public async Task<IResult?> InsteadAsync(HttpContext http)
    {
        var response = http.Response;
        if (response.StatusCode != StatusCodes.Status202Accepted || JobView.IdIn(http, response.Headers.Location) is not { } id)
            return null;
        response.Headers.Append("Vary", Preference.Header);
        var preference = Preference.Read(http.Request.Headers[Preference.Header]);
        var applied = new List<string>();
        if (preference.RespondAsync) applied.Add("respond-async");
        MessageInfo? ended = null;
        if (preference.Wait is > 0 and var asked && wait.TryEnter(http))
        {
            var seconds = Math.Min(asked, (int)JobWait.Longest.TotalSeconds);
            applied.Add(string.Create(CultureInfo.InvariantCulture, $"wait={seconds}"));
            try
            {
                ended = await wait.UntilEndedAsync(id, TimeSpan.FromSeconds(seconds), http.RequestAborted);
            }
            catch (StoreException e) when (e is { InDoubt: false })
            {
                // Accepted is accepted: a look that failed takes nothing of that back.
            }
            finally
            {
                wait.Leave();
            }
        }

        if (applied.Count > 0) response.Headers[Preference.Applied] = string.Join(", ", applied);
        // A unique key may belong to somebody else's job.
        return ended is not null && JobView.IsTerminal(ended.Status) && JobView.MaySee(http.User, ended) ? new Ended(ended) : null;
    }

    private sealed class Ended(MessageInfo job) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var headers = httpContext.Response.Headers;
            var address = JobView.Address(httpContext, job.Id, job.Owner);
            headers.Remove("Retry-After");
            headers.Remove("Content-Type");
            headers.ContentLocation = job.Result is null ? address : address + "/result";
            httpContext.Response.StatusCode = StatusCodes.Status200OK;
            return (job.Result is { } result
                ? JobResults.Of(httpContext, job, result)
                : JobResults.Status(httpContext, job, StatusCodes.Status200OK)).ExecuteAsync(httpContext);
        }
    }
}
