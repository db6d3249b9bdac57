using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Surety.AspNetCore.Hosting;

/// <summary>
/// Lets no client hold up the host's end. The server waits for every open request as long as the host's shutdown timeout allows (30 s),
/// also for one whose client sends half of it, or does not read its answer; a container is killed after 10 s.
/// </summary>
internal sealed class SlowClients(TimeProvider time) : IHostedLifecycleService, IDisposable
{
    /// <summary>How long clients still have once the stop has begun.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<SlowClient, bool> open = [];
    private readonly CancellationTokenSource stopped = new();
    private Task cutting = Task.CompletedTask;

    /// <summary>Goes around every connection, outside of TLS.</summary>
    public ConnectionDelegate Watch(ConnectionDelegate next) => async connection =>
    {
        var client = new SlowClient(connection);
        connection.Transport = client;
        connection.Features.Set(client);
        open[client] = true;
        try
        {
            await next(connection);
        }
        finally
        {
            open.TryRemove(client, out _);
            client.Restore();
        }
    };

    /// <summary>Notes what only a request knows of its connection.</summary>
    public static void Note(HttpContext http)
    {
        if (HttpProtocol.IsHttp2(http.Request.Protocol) && http.Features.Get<SlowClient>() is { } client) client.IsMultiplexed = true;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        // Beside the server's own stop, which comes after this returns.
        cutting = CutAsync(stopped.Token);
        return Task.CompletedTask;
    }

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await stopped.CancelAsync();
        await cutting;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => stopped.Dispose();

    private async Task CutAsync(CancellationToken cancel)
    {
        for (var pause = Patience; !cancel.IsCancellationRequested; pause = BetweenLooks)
        {
            await Task.Delay(pause, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancel.IsCancellationRequested) return;
            foreach (var client in open.Keys.Where(c => c.IsAwaited)) client.Cut();
        }
    }
}
