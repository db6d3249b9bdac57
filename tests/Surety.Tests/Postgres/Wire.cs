using System.Net;
using System.Net.Sockets;

namespace Surety.Tests.Postgres;

/// <summary>
/// The network between a host and the server. Cut, it carries nothing in either direction and tells nobody; restored, it goes on where it
/// stopped.
/// </summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly List<Task> pumps = [];
    private readonly int target;
    private volatile TaskCompletionSource open = Opened();

    public Wire(int target)
    {
        this.target = target;
        listener.Start();
        lock (pumps) pumps.Add(AcceptAsync());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void Cut() => open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Mend() => open.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
        Task[] all;
        lock (pumps) all = [.. pumps];
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await listener.AcceptTcpClientAsync(closing.Token);
            var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, target, closing.Token);
            lock (pumps) pumps.AddRange([PumpAsync(client, server), PumpAsync(server, client)]);
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to)
    {
        using (from)
        using (to)
        {
            var buffer = new byte[16 * 1024];
            while (await from.GetStream().ReadAsync(buffer, closing.Token) is > 0 and var count)
            {
                await open.Task.WaitAsync(closing.Token);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, count), closing.Token);
            }
        }
    }

    private static TaskCompletionSource Opened()
    {
        var opened = new TaskCompletionSource();
        opened.SetResult();
        return opened;
    }
}
