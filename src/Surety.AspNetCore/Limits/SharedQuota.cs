using System.Threading.RateLimiting;
using Microsoft.Extensions.Logging;
using Surety.Storage;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// One caller's quota over all nodes, as this node sees it: it spends what it has leased from the store, and leases more, one lease at a
/// time, when that is used up. A caller whose quota is used up costs the store nothing until the window ends.
/// </summary>
internal sealed class SharedQuota(
    byte[] key, string name, QuotaOptions options, IQuotaStore store, TimeProvider time, ILogger logger,
    Action? forget = null) : RateLimiter
{
    private const int ChunksAWindow = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly LocalQuota own = new(options.Permits, options.Window, time);
    private readonly int chunk = Math.Max(1, options.Permits / ChunksAWindow);
    private Task? leasing;
    private int tokens;
    private int left;
    private bool usedUp;
    private bool away;
    private long triedAt;
    private long leasedAt;
    private TimeSpan length;

    public override TimeSpan? IdleDuration => own.IdleDuration;

    public override RateLimiterStatistics? GetStatistics() => null;

    // A caller that does not wait gets what is here.
    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        lock (gate) return Take() ?? new QuotaLease(false, 0, BetweenTries);
    }

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        for (;;)
        {
            Task lease;
            lock (gate)
            {
                if (Take() is { } answer) return answer;
                lease = leasing ??= LeaseAsync();
            }

            // Not the request's to cancel: others wait for the same lease.
            await lease.WaitAsync(cancellationToken);
        }
    }

    protected override void Dispose(bool disposing)
    {
        own.Dispose();
        forget?.Invoke();
        base.Dispose(disposing);
    }

    /// <summary>Null when the store has to be asked.</summary>
    private RateLimitLease? Take()
    {
        var ends = length - time.GetElapsedTime(leasedAt);
        if (ends > TimeSpan.Zero && tokens > 0)
        {
            tokens--;
            own.Note();
            return new QuotaLease(true, left + tokens, ends);
        }

        if (ends > TimeSpan.Zero && usedUp) return new QuotaLease(false, 0, ends);
        if (!away || time.GetElapsedTime(triedAt) >= BetweenTries) return null;
        return options.WhenStoreIsAway == QuotaFallback.CountByNode
            ? own.AttemptAcquire() : new QuotaLease(false, 0, BetweenTries, storeIsAway: true);
    }

    private async Task LeaseAsync()
    {
        // Off the gate: a store that answers at once would otherwise be done before the task is noted.
        await Task.Yield();
        // Counted from before the question left: the window cannot have more time than that, so permits may go unspent but are never spent
        // in the next window.
        var asked = time.GetTimestamp();
        LeasedPermits? lease = null;
        try
        {
            using var limit = new CancellationTokenSource(Patience, time);
            lease = await store.LeaseAsync(key, chunk, options.Permits, options.Window, limit.Token).AsTask().WaitAsync(limit.Token);
        }
        catch (Exception e) when (e is StoreException or OperationCanceledException)
        {
            if (!away) logger.QuotaStoreAway(e, name, options.WhenStoreIsAway);
        }
        finally
        {
            lock (gate)
            {
                (away, triedAt, leasing) = (lease is null, time.GetTimestamp(), null);
                if (lease is { } got) (tokens, left, usedUp, leasedAt, length)
                    = (got.Granted, got.Left, got.Granted == 0, asked, got.EndsIn);
            }
        }
    }
}
