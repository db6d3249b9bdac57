using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Payments.Tests;

/// <summary>
/// Passes connections on to a backend and resets each, on both sides, after a random number of bytes; once it has cut often enough, it only
/// passes on.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentBag<Task> work = [];
    private readonly Uri backend;
    private readonly Random random;
    private readonly int mostBytes;
    private readonly Func<int, Task> afterCut;
    private int left;

    /// <param name="backend">Where connections go.</param>
    /// <param name="cuts">How often to cut.</param>
    /// <param name="mostBytes">The most bytes a connection that is cut lets through.</param>
    /// <param name="seed">Of the random numbers.</param>
    /// <param name="afterCut">What happens after the n-th cut, before another connection is let through.</param>
    public CuttingProxy(Uri backend, int cuts, int mostBytes, int seed, Func<int, Task> afterCut)
    {
        (this.backend, left, this.mostBytes, random, this.afterCut) = (backend, cuts, mostBytes, new Random(seed), afterCut);
        listener.Start();
        work.Add(AcceptAsync());
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    public int Cuts { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await Task.WhenAll(work);
        stopping.Dispose();
    }

    /// <summary>
    /// One connection after the other: the client has one at a time, and which is cut when must not depend on the machine.
    /// </summary>
    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptSocketAsync(stopping.Token);
                using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await server.ConnectAsync(backend.Host, backend.Port, stopping.Token);
                }
                catch (SocketException)
                {
                    continue;
                }

                var budget = left > 0 ? random.Next(1, mostBytes) : long.MaxValue;
                var back = PassAsync(server, client, long.MaxValue);
                var cut = await PassAsync(client, server, budget);
                if (cut) (left, Cuts) = (left - 1, Cuts + 1);
                if (cut || back.IsCompleted)
                {
                    // A reset: what was on its way is lost.
                    client.LingerState = server.LingerState = new LingerOption(true, 0);
                }

                client.Dispose();
                server.Dispose();
                await back;
                if (cut) await afterCut(Cuts);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Whether it ended because its budget was used up.</summary>
    private async Task<bool> PassAsync(Socket from, Socket to, long budget)
    {
        var buffer = new byte[16_384];
        try
        {
            while (true)
            {
                var read = await from.ReceiveAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, budget)), stopping.Token);
                if (read == 0) return false;
                await to.SendAsync(buffer.AsMemory(0, read), stopping.Token);
                if ((budget -= read) == 0) return true;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}
