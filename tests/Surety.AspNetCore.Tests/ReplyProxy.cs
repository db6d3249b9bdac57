using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// The network between a host and PostgreSQL, which knows its messages. While it is armed, it keeps a part of the replies to COMMIT for
/// itself and resets the connection in their place, and resets a few
/// connections before a request has reached the server: of neither commit does its client hear.
/// </summary>
internal sealed class ReplyProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly List<Task> work = [];
    private readonly Lock gate = new();
    private readonly int target;
    private readonly Random random;
    private int swallowed;
    private int cut;

    /// <param name="target">The server's port.</param>
    /// <param name="seed">Of the random numbers.</param>
    public ReplyProxy(int target, int seed)
    {
        (this.target, random) = (target, new Random(seed));
        listener.Start();
        lock (gate) work.Add(AcceptAsync());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>One reply to COMMIT in so many is swallowed; zero swallows none.</summary>
    public volatile int SwallowOneIn;

    /// <summary>One request in so many is not passed on; zero passes all.</summary>
    public volatile int CutOneIn;

    public int Swallowed => swallowed;

    public int Cut => cut;

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
        Task[] all;
        lock (gate) all = [.. work];
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
    }

    private bool Chance(int oneIn)
    {
        if (oneIn == 0) return false;
        lock (gate) return random.Next(oneIn) == 0;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await listener.AcceptSocketAsync(closing.Token);
            var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await server.ConnectAsync(IPAddress.Loopback, target, closing.Token);
            client.NoDelay = server.NoDelay = true;
            lock (gate) work.AddRange([PassRequestsAsync(client, server), PassRepliesAsync(client, server)]);
        }
    }

    private async Task PassRequestsAsync(Socket client, Socket server)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await client.ReceiveAsync(buffer, closing.Token) is > 0 and var count)
            {
                if (Chance(CutOneIn))
                {
                    Interlocked.Increment(ref cut);
                    break;
                }

                for (var sent = 0; sent < count;) sent += await server.SendAsync(buffer.AsMemory(sent, count - sent), closing.Token);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            Reset(client);
            // What is on its way to the server arrives, as it may after a client has died.
            Reset(server);
        }
    }

    private async Task PassRepliesAsync(Socket client, Socket server)
    {
        var buffer = new byte[64 * 1024];
        var held = 0;
        try
        {
            while (await server.ReceiveAsync(buffer.AsMemory(held), closing.Token) is > 0 and var count)
            {
                held += count;
                var (whole, swallow) = Judge(buffer.AsSpan(0, held));
                for (var sent = 0; sent < whole;) sent += await client.SendAsync(buffer.AsMemory(sent, whole - sent), closing.Token);
                if (swallow)
                {
                    Interlocked.Increment(ref swallowed);
                    break;
                }

                buffer.AsSpan(whole, held - whole).CopyTo(buffer);
                held -= whole;
                // Longer than the buffer: no reply to COMMIT.
                if (held == buffer.Length) Array.Resize(ref buffer, 2 * buffer.Length);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            Reset(client);
            Reset(server);
        }
    }

    /// <summary>How much of this are whole messages that are to be passed on, and whether the next one is swallowed.</summary>
    private (int Whole, bool Swallow) Judge(ReadOnlySpan<byte> held)
    {
        var place = 0;
        while (held.Length - place >= 1 + sizeof(int))
        {
            var length = 1 + BinaryPrimitives.ReadInt32BigEndian(held[(place + 1)..]);
            if (held.Length - place < length) break;
            var isCommit = held[place] == (byte)'C' && Encoding.ASCII.GetString(held.Slice(place + 5, length - 6)) == "COMMIT";
            if (isCommit && Chance(SwallowOneIn)) return (place, true);
            place += length;
        }

        return (place, false);
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }

        socket.Dispose();
    }
}
