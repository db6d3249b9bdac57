using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Surety.Storage;

namespace Surety.AspNetCore.Security;

/// <summary>
/// When keys were used last. One write a minute for all of them, and none while nobody comes, so that a request costs none.
/// </summary>
internal sealed class ApiKeyUses(IApiKeyStore store, TimeProvider time, ILogger<ApiKeyUses> logger) : BackgroundService
{
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Precision = TimeSpan.FromSeconds(1);
    private const int MostAtOnce = 500;

    private ConcurrentDictionary<string, DateTimeOffset> uses = new(StringComparer.Ordinal);

    /// <summary>A request of this key was let in.</summary>
    public void Note(string prefix)
    {
        var now = time.GetUtcNow();
        // A busy key is one entry that everybody would write to: reading is cheaper.
        if (!uses.TryGetValue(prefix, out var noted) || now - noted >= Precision) uses[prefix] = now;
    }

    public async Task WriteAsync(CancellationToken cancel)
    {
        var noted = Interlocked.Exchange(ref uses, new(StringComparer.Ordinal));
        foreach (var some in noted.Chunk(MostAtOnce))
        {
            try
            {
                await store.NoteUsesAsync(some.ToDictionary(), cancel);
            }
            catch (Exception e) when (e is StoreException or OperationCanceledException)
            {
                logger.UsesNotNoted(e);
                foreach (var (prefix, at) in some) uses.TryAdd(prefix, at);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await WriteAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }
}
