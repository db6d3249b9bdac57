using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Surety.Bench.Commands;

/// <summary>
/// A closed loop of clients, one connection each: the next request goes out when the answer is in. Plain sockets and prepared requests, so
/// that on a small machine the load takes as little as possible from the server. Told on its input which server to press and for how long;
/// a line of answers for each.
/// </summary>
internal static class Load
{
    public static async Task<int> RunAsync(string[] args)
    {
        var connections = int.Parse(args[0], CultureInfo.InvariantCulture);
        for (var round = 0; await Console.In.ReadLineAsync() is { } line; round++)
        {
            var words = line.Split(' ');
            var (url, key, seconds) = (new Uri(words[0]), words[1], double.Parse(words[2], CultureInfo.InvariantCulture));
            var ends = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
            var began = Stopwatch.GetTimestamp();
            var clients = await Task.WhenAll(
                Enumerable.Range(0, connections).Select(c => ClientAsync(url, key, $"{Environment.ProcessId}-{round}-{c}", c, ends)));
            var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var latencies = clients.SelectMany(c => c).Order().ToArray();
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                    $"{latencies.Length} {took} {latencies[latencies.Length / 2]} {latencies[latencies.Length * 99 / 100]}"));
        }

        return 0;
    }

    /// <summary>The latencies of its accepted requests, in milliseconds.</summary>
    private static async Task<List<double>> ClientAsync(Uri url, string key, string name, int seed, long ends)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, url.Port);
        var random = new Random(seed);
        var latencies = new List<double>();
        var answer = new byte[8192];
        var credential = key.Length == 0 ? "" : $"Authorization: Bearer {key}\r\n";
        var request = new byte[1024];
        // Once at least: a busy machine may be late with the first.
        for (var i = 0; i == 0 || Stopwatch.GetTimestamp() < ends; i++)
        {
            var from = random.Next(1, Ledger.Accounts);
            var body = string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"from":{{from}},"to":{{from + 1}},"amount":{{random.Next(1, 100)}},"reference":"Invoice 2026-{{i}}"}""");
            var length = Encoding.ASCII.GetBytes(
                $"POST /transfers HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{credential}Idempotency-Key: "
                    + $"\"{name}-{i}\"\r\nContent-Length: {body.Length}\r\n\r\n{body}", request);
            var sent = Stopwatch.GetTimestamp();
            await socket.SendAsync(request.AsMemory(0, length));
            await ReceiveAsync(socket, answer);
            latencies.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
        }

        return latencies;
    }

    private static async ValueTask ReceiveAsync(Socket socket, byte[] answer)
    {
        var (have, need) = (0, int.MaxValue);
        var chunked = false;
        while (chunked ? !answer.AsSpan(0, have).EndsWith("\r\n0\r\n\r\n"u8) : have < need)
        {
            var read = await socket.ReceiveAsync(answer.AsMemory(have));
            if (read == 0) throw new IOException("The server closed the connection.");
            have += read;
            if (need == int.MaxValue && answer.AsSpan(0, have).IndexOf("\r\n\r\n"u8) is > 0 and var head)
            {
                chunked = answer.AsSpan(0, head).IndexOf("Transfer-Encoding: chunked"u8) > 0;
                need = chunked ? 0 : head + 4 + BodyLength(answer.AsSpan(0, head));
            }
        }

        if (!answer.AsSpan().StartsWith("HTTP/1.1 201"u8))
            throw new InvalidOperationException($"Not accepted: {Encoding.UTF8.GetString(answer, 0, have)}");
    }

    private static int BodyLength(ReadOnlySpan<byte> head)
    {
        var at = head.IndexOf("Content-Length: "u8);
        if (at < 0) throw new InvalidOperationException($"An answer without a length: {Encoding.UTF8.GetString(head)}");
        var digits = head[(at + 16)..];
        var end = digits.IndexOf((byte)'\r');
        return int.Parse(end < 0 ? digits : digits[..end], CultureInfo.InvariantCulture);
    }
}
