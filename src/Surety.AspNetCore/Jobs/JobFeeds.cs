using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Jobs;

/// <summary>The feeds of the jobs that are watched on this host: one look into the store for all who watch the same job.</summary>
internal sealed class JobFeeds(
    IMessages messages, IOptions<EdgeOptions> options, TimeProvider time, IHostApplicationLifetime host, ILogger<JobFeeds> logger)
{
    /// <summary>How long a feed nobody watches is kept up for those who come back.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);

    private readonly Lock gate = new();
    private readonly Dictionary<MessageId, Watched> watched = [];

    public int Count
    {
        get
        {
            lock (gate) return watched.Count;
        }
    }

    /// <summary>The feed of a job that somebody watches, or did a moment ago.</summary>
    public JobFeed? Find(MessageId job)
    {
        lock (gate) return watched.GetValueOrDefault(job)?.Feed;
    }

    /// <summary>The job's feed; it is watched until <see cref="Leave"/>.</summary>
    /// <param name="job">As it was just read.</param>
    public JobFeed Join(MessageInfo job)
    {
        lock (gate)
        {
            // A dead job that was requeued begins anew.
            if (watched.TryGetValue(job.Id, out var found)
                && (!found.Feed.HasEnded || JobView.StateOf(found.Feed.Newest) == JobView.StateOf(job)))
            {
                found.Watchers++;
                found.Feed.Note(job);
                return found.Feed;
            }

            found = watched[job.Id] = new Watched(new JobFeed(job)) { Watchers = 1 };
            // On its own: it outlives the stream that happens to be the first.
            _ = WatchAsync(found);
            return found.Feed;
        }
    }

    public void Leave(JobFeed feed)
    {
        lock (gate)
        {
            if (!watched.TryGetValue(feed.Id, out var found) || found.Feed != feed) return;
            found.Watchers--;
            found.LeftAt = time.GetTimestamp();
        }
    }

    private async Task WatchAsync(Watched one)
    {
        var stop = host.ApplicationStopping;
        try
        {
            while (!stop.IsCancellationRequested && !IsOver(one))
            {
                await Task.Delay(one.Feed.HasEnded ? Linger / 10 : BetweenLooks, time, stop)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!one.Feed.HasEnded && !await LookAsync(one, stop)) break;
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            logger.WatchFailed(e, one.Feed.Id);
        }
        finally
        {
            Forget(one);
            one.Feed.Close();
        }
    }

    /// <summary>False when the job is gone.</summary>
    private async Task<bool> LookAsync(Watched one, CancellationToken stop)
    {
        try
        {
            if (await messages.FindAsync(one.Feed.Id, stop) is not { } job) return false;
            one.Feed.Note(job);
        }
        catch (StoreException e) when (e.IsTransient)
        {
            // Said elsewhere. Those who watch wait, and hear of what happened meanwhile.
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The host stops; the loop ends.
        }

        return true;
    }

    private bool IsOver(Watched one)
    {
        lock (gate)
        {
            // Another one took its place: this one's job had ended, and so have its streams.
            if (watched.GetValueOrDefault(one.Feed.Id) != one) return true;
            // Many that were looked at once must not cost what many that are watched do.
            var linger = watched.Count <= options.Value.MaxStreams ? Linger : TimeSpan.Zero;
            return one.Watchers == 0 && time.GetElapsedTime(one.LeftAt) >= linger;
        }
    }

    private void Forget(Watched one)
    {
        lock (gate)
        {
            if (watched.GetValueOrDefault(one.Feed.Id) == one) watched.Remove(one.Feed.Id);
        }
    }

    private sealed class Watched(JobFeed feed)
    {
        public JobFeed Feed => feed;

        public int Watchers { get; set; }

        public long LeftAt { get; set; }
    }
}
