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
        var key = await Crowd.PrepareAsync(rig, accounts: 2);
        using var client = new HttpClient { BaseAddress = rig.Payments.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var sent = 0;
        async Task<double> TransferAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/transfers")
            {
                Content = JsonContent.Create(
                    new { from = "1", to = "2", amount = "1" }), Headers = { { "Idempotency-Key", $"normal-{sent++}" } },
            };
            var began = Stopwatch.GetTimestamp();
            using var answer = await client.SendAsync(request);
            ((int)answer.StatusCode).ShouldBe(201);
            return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }

        for (var i = 0; i < 200; i++) await TransferAsync();
        var before = new List<double>();
        for (var i = 0; i < 200; i++) before.Add(await TransferAsync());
        var (memory, most) = (Crowd.Resident(rig.Nodes[0].Id), 0L);

        var head =
            $"POST /transfers HTTP/1.1\r\nHost: slow\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
                + $"100000\r\n";
        var clients = new List<SlowClient>();
        try
        {
            while (clients.Count < idle) clients.Add(await OpenAsync("", 0));
            for (var i = 0; i < idle / 10; i++)
            {
                clients.Add(await OpenAsync("POST /transfers HTTP/1.1\r\nHost: slow\r\nX-Half", 0));
                clients.Add(await OpenAsync("POST /transfers HTTP/1.1\r\nHost: slow\r\nX-Drip: ", 1));
                clients.Add(await OpenAsync($"{head}Idempotency-Key: half-{i}\r\n\r\n{{\"from\":", 0));
                clients.Add(await OpenAsync($"{head}Idempotency-Key: drip-{i}\r\n\r\n{{\"from\":\"", 20));
            }

            var opened = Stopwatch.GetTimestamp();
            var slow = clients.Skip(idle).ToList();
            var answers = Task.WhenAll(slow.Select(s => s.FirstLineAsync()));
            var dripping = DripAsync(slow, answers);
            var meanwhile = new List<double>();
            while (!answers.IsCompleted)
            {
                meanwhile.Add(await TransferAsync());
                most = Math.Max(most, Crowd.Resident(rig.Nodes[0].Id));
                foreach (var probe in new[] { "/livez", "/readyz" }) (await client.GetStringAsync(probe)).ShouldBe("ok");
                Stopwatch.GetElapsedTime(opened).ShouldBeLessThan(Patience, "slow clients are still connected");
            }

            await dripping;
            var cutAfter = Stopwatch.GetElapsedTime(opened);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{idle} idle, {slow.Count} slow, all of those cut off {cutAfter.TotalSeconds:0.0} s after the last had opened; {memory} "
                    + $"MiB before, {most} at most; a transfer p50 {Crowd.Part(before, 0.5):0.0} ms, p99 {Crowd.Part(before, 0.99):0.0} "
                    + $"before, {Crowd.Part(meanwhile, 0.5):0.0} and {Crowd.Part(meanwhile, 0.99):0.0} meanwhile ({meanwhile.Count})"));

            // Said so where the client still listened.
            var lines = await answers;
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

        await TransferAsync();
        (await Audit.ReadAsync(rig, default)).Transfers.ShouldBe(sent);

        async Task<SlowClient> OpenAsync(string text, int drip) => await SlowClient.OpenAsync(
            rig.Payments.BaseAddress!.Port, new IPAddress([127, 0, 0, (byte)(2 + (clients.Count / OfOneAddress))]), text, drip);
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
