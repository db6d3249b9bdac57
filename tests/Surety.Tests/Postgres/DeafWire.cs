using System.Net;
using System.Net.Sockets;

namespace Surety.Tests.Postgres;

/// <summary>
/// The network between a host and the server that, when asked, swallows the answer to a COMMIT and then resets the connection: the server
/// has committed, and its client never hears of it.
/// </summary>
internal sealed class DeafWire : IAsyncDisposable
{
    private static readonly byte[] Commit = "COMMIT"u8.ToArray();

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly List<Task> work = [];
    private readonly int target;
    private int toSwallow;
    private int swallowed;

    public DeafWire(int target)
    {
        this.target = target;
        listener.Start();
        lock (work) work.Add(AcceptAsync());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public int Swallowed => Volatile.Read(ref swallowed);

    /// <summary>Swallows the answers to so many of the next COMMITs.</summary>
    public void Swallow(int commits) => Interlocked.Add(ref toSwallow, commits);

    public void StopSwallowing() => Interlocked.Exchange(ref toSwallow, 0);

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
        Task[] all;
        lock (work) all = [.. work];
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await listener.AcceptSocketAsync(closing.Token);
            lock (work) work.Add(ServeAsync(client));
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            var line = new Line();
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, target, closing.Token);
                (client.NoDelay, server.NoDelay) = (true, true);
                await Task.WhenAny(ForthAsync(client, server, line), BackAsync(server, client, line));
            }
            catch (SocketException)
            {
                // The server is not there.
            }

            // A reset, as a network breaks: what was on its way is lost.
            client.LingerState = server.LingerState = new LingerOption(true, 0);
        }
    }

    private async Task ForthAsync(Socket client, Socket server, Line line)
    {
        var buffer = new byte[64 * 1024];
        while (await client.ReceiveAsync(buffer, closing.Token) is > 0 and var count)
        {
            if (buffer.AsSpan(0, count).IndexOf(Commit) >= 0 && TakeOne()) line.IsDeaf = true;
            await server.SendAsync(buffer.AsMemory(0, count), closing.Token);
        }
    }

    private async Task BackAsync(Socket server, Socket client, Line line)
    {
        var buffer = new byte[64 * 1024];
        while (await server.ReceiveAsync(buffer, closing.Token) is > 0 and var count)
        {
            if (line.IsDeaf)
            {
                Interlocked.Increment(ref swallowed);
                return;
            }

            await client.SendAsync(buffer.AsMemory(0, count), closing.Token);
        }
    }

    private bool TakeOne()
    {
        while (Volatile.Read(ref toSwallow) is > 0 and var left)
        {
            if (Interlocked.CompareExchange(ref toSwallow, left - 1, left) == left) return true;
        }

        return false;
    }

    private sealed class Line
    {
        public volatile bool IsDeaf;
    }
}
