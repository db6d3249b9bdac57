using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>
/// Connections on which nothing happens, or next to nothing. By command, SURETY_CONNECTIONS=10000 opens as many, and a tenth of each sort
/// of slow ones.
/// </summary>
[Trait("Category", "Alone")]
public sealed class SlowClientTests(ITestOutputHelper output)
{
    // Fewer than an address has ports.
    private const int OfOneAddress = 5_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Idle_dripping_and_half_clients_cost_little_keep_out_nobody_and_are_cut_off()
    {
        var idle = Counts.Of(5_000, "SURETY_CONNECTIONS");
        await using var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(), default);
        using var normal = new NormalClient(rig, await Crowd.PrepareAsync(rig, accounts: 2));
        await normal.TransferAsync(200);
        var before = await normal.TransferAsync(200);
        var memory = Crowd.Resident(rig.Nodes[0].Id);

        var clients = new List<SlowClient>();
        try
        {
            await OpenAsync(clients, rig.Payments.BaseAddress!.Port, normal.Key, idle);
            var slow = clients.Skip(idle).ToList();
            var (meanwhile, most, lines) = await WhileCutOffAsync(rig, normal, slow);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{idle} idle, {slow.Count} slow; {memory} MiB before, {most} at most; a transfer p50 {Crowd.Part(before, 0.5):0.0} ms, "
                    + $"p99 {Crowd.Part(before, 0.99):0.0} before, {Crowd.Part(meanwhile, 0.5):0.0} and {Crowd.Part(meanwhile, 0.99):0.0} "
                    + $"meanwhile ({meanwhile.Count})"));

            // Said so where the client still listened.
            lines.ShouldAllBe(line => line == "HTTP/1.1 408 Request Timeout" || line == "");
            lines.Count(line => line.Length > 0).ShouldBeGreaterThan(slow.Count / 2);
            clients.Take(idle).ShouldAllBe(c => c.IsOpen);
            // What the collector leaves lying about from thousands of transfers, and what a connection costs.
            (most - memory).ShouldBeLessThan(160 + (clients.Count * 32 / 1024), "MiB");
            Crowd.Part(meanwhile, 0.5).ShouldBeLessThan((5 * Crowd.Part(before, 0.5)) + 20, "ms");
        }
        finally
        {
            foreach (var one in clients) one.Dispose();
        }

        await normal.TransferAsync(1);
        (await Audit.ReadAsync(rig, default)).Transfers.ShouldBe(normal.Sent);
    }

    /// <summary>The idle ones first, then slow ones of four kinds.</summary>
    private static async Task OpenAsync(List<SlowClient> clients, int port, string key, int idle)
    {
        var head = $"POST /transfers HTTP/1.1\r\nHost: slow\r\nAuthorization: Bearer {key}\r\n"
            + "Content-Type: application/json\r\nContent-Length: 100000\r\n";
        while (clients.Count < idle) await AddAsync("", 0);
        for (var i = 0; i < idle / 10; i++)
        {
            await AddAsync("POST /transfers HTTP/1.1\r\nHost: slow\r\nX-Half", 0);
            await AddAsync("POST /transfers HTTP/1.1\r\nHost: slow\r\nX-Drip: ", 1);
            await AddAsync($"{head}Idempotency-Key: half-{i}\r\n\r\n{{\"from\":", 0);
            await AddAsync($"{head}Idempotency-Key: drip-{i}\r\n\r\n{{\"from\":\"", 20);
        }

        async Task AddAsync(string text, int drip) => clients.Add(await SlowClient.OpenAsync(
            port, new IPAddress([127, 0, 0, (byte)(2 + (clients.Count / OfOneAddress))]), text, drip));
    }

    /// <summary>Until all the slow ones are cut off: how long transfers took, the most memory, and what the slow ones were told.</summary>
    private async Task<(List<double> Times, long Most, string[] Lines)> WhileCutOffAsync(
        Rig rig, NormalClient normal, IReadOnlyList<SlowClient> slow)
    {
        var opened = Stopwatch.GetTimestamp();
        var answers = Task.WhenAll(slow.Select(s => s.FirstLineAsync()));
        var dripping = DripAsync(slow, answers);
        var (times, most) = (new List<double>(), 0L);
        while (!answers.IsCompleted)
        {
            times.AddRange(await normal.TransferAsync(1));
            most = Math.Max(most, Crowd.Resident(rig.Nodes[0].Id));
            foreach (var probe in new[] { "/livez", "/readyz" }) (await rig.Payments.GetStringAsync(probe)).ShouldBe("ok");
            Stopwatch.GetElapsedTime(opened).ShouldBeLessThan(Patience, "slow clients are still connected");
        }

        await dripping;
        output.WriteLine($"all are cut off {Stopwatch.GetElapsedTime(opened).TotalSeconds:0.0} s after the last had opened");
        return (times, most, await answers);
    }

    /// <summary>Sends a transfer after the other, each as fast as it is answered.</summary>
    private sealed class NormalClient : IDisposable
    {
        private readonly HttpClient http;

        public NormalClient(Rig rig, string key)
        {
            Key = key;
            http = new HttpClient { BaseAddress = rig.Payments.BaseAddress };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        public string Key { get; }

        public int Sent { get; private set; }

        /// <summary>How long each took, in milliseconds.</summary>
        public async Task<List<double>> TransferAsync(int count)
        {
            var times = new List<double>();
            for (var i = 0; i < count; i++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/transfers")
                {
                    Content = JsonContent.Create(new { from = "1", to = "2", amount = "1" }),
                    Headers = { { "Idempotency-Key", $"normal-{Sent++}" } },
                };
                var began = Stopwatch.GetTimestamp();
                using var answer = await http.SendAsync(request);
                ((int)answer.StatusCode).ShouldBe(201);
                times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }

            return times;
        }

        public void Dispose() => http.Dispose();
    }

    private static async Task DripAsync(IReadOnlyList<SlowClient> clients, Task until)
    {
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (!until.IsCompleted && await second.WaitForNextTickAsync())
        {
            foreach (var client in clients) await client.DripAsync();
        }
    }

    /// <summary>One connection that has sent something, and goes on a few bytes at a time.</summary>
    private sealed class SlowClient(Socket socket, int drip) : IDisposable
    {
        private readonly byte[] drops = Encoding.ASCII.GetBytes(new string('1', drip));

        /// <summary>The server has neither closed it nor said anything.</summary>
        public bool IsOpen => !socket.Poll(0, SelectMode.SelectRead);

        public static async Task<SlowClient> OpenAsync(int port, IPAddress from, string text, int drip)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(IPAddress.Loopback, port);
            if (text.Length > 0) await socket.SendAsync(Encoding.ASCII.GetBytes(text));
            return new SlowClient(socket, drip);
        }

        public async Task DripAsync()
        {
            try
            {
                if (drops.Length > 0) await socket.SendAsync(drops);
            }
            catch (SocketException)
            {
                // Cut off.
            }
        }

        /// <summary>The first line of what the server says before it closes; empty when it only closed.</summary>
        public async Task<string> FirstLineAsync()
        {
            var said = new byte[8192];
            var count = 0;
            try
            {
                int read;
                while (count < said.Length && (read = await socket.ReceiveAsync(said.AsMemory(count))) > 0) count += read;
            }
            catch (SocketException)
            {
                // Reset: it had bytes of ours that it no longer wanted.
            }

            return Encoding.ASCII.GetString(said, 0, count).Split("\r\n")[0];
        }

        public void Dispose() => socket.Dispose();
    }
}
