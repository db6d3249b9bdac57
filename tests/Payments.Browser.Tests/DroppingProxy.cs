using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Payments.Tests;

/// <summary>Passes connections on to a backend until it is told to reset them all.</summary>
internal sealed class DroppingProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Socket, Socket> open = [];
    private readonly ConcurrentBag<Task> work = [];
    private readonly Uri backend;

    public DroppingProxy(Uri backend)
    {
        this.backend = backend;
        listener.Start();
        work.Add(AcceptAsync());
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>Resets: what was on its way is lost.</summary>
    public int DropAll()
    {
        var dropped = 0;
        foreach (var (client, server) in open)
        {
            client.LingerState = server.LingerState = new LingerOption(true, 0);
            client.Dispose();
            server.Dispose();
            dropped++;
        }

        return dropped;
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        DropAll();
        await Task.WhenAll(work);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) work.Add(ServeAsync(await listener.AcceptSocketAsync(stopping.Token)));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                await server.ConnectAsync(backend.Host, backend.Port, stopping.Token);
                open[client] = server;
                await Task.WhenAny(PassAsync(client, server), PassAsync(server, client));
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // The backend is away: so is this connection.
            }
            finally
            {
                open.TryRemove(client, out _);
            }
        }
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        var buffer = new byte[16_384];
        try
        {
            while (await from.ReceiveAsync(buffer, stopping.Token) is > 0 and var read)
                await to.SendAsync(buffer.AsMemory(0, read), stopping.Token);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Reset, by either side or by DropAll.
        }
    }
}
