using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Surety.AspNetCore.Limits;

namespace Surety.AspNetCore.Jobs;

/// <summary>Waits for news of a job, as many as the waiting room has room for; the others are answered with what is known.</summary>
internal sealed class JobWait(IMessages messages, WaitingRoom room, TimeProvider time, IHostApplicationLifetime host)
{
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    /// <summary>A request that got in calls <see cref="Leave"/>.</summary>
    public bool TryEnter(HttpContext http)
    {
        if (!room.TryEnter()) return false;
        // It looks now and then; the rest of the time it is not at work.
        http.Features.Get<RequestSlot>()?.GiveUp();
        return true;
    }

    public void Leave() => room.Leave();

    /// <summary>Looks until there is news, the time is up, the client leaves or the host stops. Returns what the last look saw.</summary>
    public async Task<T> UntilAsync<T>(Func<Task<T>> look, Func<T, bool> isNews, TimeSpan patience, CancellationToken client)
    {
        var since = time.GetTimestamp();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(client, host.ApplicationStopping);
        for (;;)
        {
            var seen = await look();
            if (isNews(seen) || stop.IsCancellationRequested || time.GetElapsedTime(since) >= patience) return seen;
            // Cancelled by shutdown or by the client's leaving: one last look answers with what is known.
            await Task.Delay(BetweenLooks, time, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The job once it has ended, or as it is when the time is up; null when it is gone.</summary>
    public Task<MessageInfo?> UntilEndedAsync(MessageId id, TimeSpan patience, CancellationToken client) =>
        UntilAsync(() => messages.FindAsync(id, client).AsTask(), job => job is null || JobView.IsTerminal(job.Status), patience, client);
}
