using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Limits;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Jobs;

/// <summary>
/// One client's server-sent events of one job: its present state, every later one, and <c>end</c>. Each has an id, by which a client that
/// was cut off goes on behind what it has seen.
/// </summary>
internal sealed partial class JobStream(HttpContext http, JobFeed feed, string? lastSeen) : IResult
{
    public const string ContentType = "text/event-stream";
    private const string EndMark = "-end";
    private const int RetryMs = 1_000;

    private readonly StringBuilder text = new();
    private string? shown = lastSeen;

    /// <summary>The stream, or the reason why there is none.</summary>
    public static IResult Open(HttpContext http, MessageInfo job)
    {
        var lastSeen = http.Request.Headers["Last-Event-ID"].ToString();
        // What has seen the end and comes back all the same is told to stop: browsers do so by themselves.
        if (JobView.IsTerminal(job.Status) && lastSeen == JobView.StateOf(job) + EndMark) return Results.NoContent();
        var (services, principal) = (http.RequestServices, http.User.Principal());
        var room = services.GetRequiredService<StreamRoom>();
        switch (room.TryEnter(principal))
        {
            case StreamRoom.Entry.CallerHasTooMany:
                return Refused(
                    http, 429, ProblemCodes.StreamsExceeded,
                    $"The caller has {services.GetRequiredService<IOptions<EdgeOptions>>().Value.MaxStreamsPerCaller} event streams open. "
                        + "Close one, or ask with ?wait= instead.");
            case StreamRoom.Entry.HostIsFull:
                return Refused(
                    http, 503, ProblemCodes.Overloaded,
                    "The server has as many event streams open as it can. Try again in a moment, or ask with ?wait= instead.");
        }

        var feeds = services.GetRequiredService<JobFeeds>();
        var feed = feeds.Join(job);
        http.Response.RegisterForDispose(new Leaving(() =>
        {
            feeds.Leave(feed);
            room.Leave(principal);
        }));
        return new JobStream(http, feed, EventId().IsMatch(lastSeen) ? lastSeen.Replace(EndMark, "", StringComparison.Ordinal) : null);
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, services) = (http.Response, http.RequestServices);
        var time = services.GetRequiredService<TimeProvider>();
        var heartbeat = services.GetRequiredService<IOptions<EdgeOptions>>().Value.Heartbeat;
        http.Features.Get<RequestSlot>()?.GiveUp();
        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted, services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        using var limit = new CancellationTokenSource(services.GetRequiredService<StreamRoom>().Longest, time);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, limit.Token);
        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"retry: {RetryMs}\n\n");
        var position = Begin();
        while (true)
        {
            var view = feed.From(position);
            position = view.Next;
            if (view.Missed) AppendGap();
            foreach (var job in view.States) Append(job);
            var ended = JobView.IsTerminal(view.Newest.Status);
            if (ended) AppendEvent(JobView.StateOf(view.Newest) + EndMark, "end", View(view.Newest));
            await FlushAsync();
            if (ended || view.Closed || over.IsCancellationRequested) return;
            await view.Changed.WaitAsync(heartbeat, time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (over.IsCancellationRequested) return;
            // A comment: it keeps what stands between from closing, and finds out who has left.
            if (!view.Changed.IsCompleted) text.Append(":\n\n");
        }
    }

    /// <summary>
    /// A client that comes back goes on behind what it has seen. When that is not known here any more, it gets the present state, and is
    /// told that there may have been others.
    /// </summary>
    private long Begin()
    {
        if (feed.PositionAfter(shown) is { } known) return known;
        AppendGap();
        return feed.PositionAfter(null)!.Value;
    }

    // With the id before it, or none: a client that is cut off behind it has to be told again.
    private void AppendGap() => AppendEvent(shown, "gap", """{"detail":"There may have been states that this stream did not show."}""");

    private void Append(MessageInfo job) => AppendEvent(shown = JobView.StateOf(job), null, View(job));

    private void AppendEvent(string? id, string? name, string data)
    {
        if (id is not null) text.Append("id: ").Append(id).Append('\n');
        if (name is not null) text.Append("event: ").Append(name).Append('\n');
        // One line: JSON escapes line breaks.
        text.Append("data: ").Append(data).Append("\n\n");
    }

    private string View(MessageInfo job) => JsonSerializer.Serialize(JobResults.View(http, job), EdgeJson.Own);

    private async Task FlushAsync()
    {
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        text.Clear();
        // Bounded by the server's limits for slow readers, not by the host's stop: half an event would be a lost one.
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }

    private static IResult Refused(HttpContext http, int status, string code, string detail)
    {
        http.Response.Headers.RetryAfter = "5";
        return HttpProblem.Of(status, code, detail);
    }

    [GeneratedRegex("^[0-9]{1,19}-[0-9](-end)?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EventId();

    private sealed class Leaving(Action leave) : IDisposable
    {
        public void Dispose() => leave();
    }
}
