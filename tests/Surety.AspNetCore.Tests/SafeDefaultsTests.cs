using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Tests;

public class SafeDefaultsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Every_answer_keeps_browsers_from_guessing_and_tells_nothing_of_the_server()
    {
        await using var app = await EdgeApp.StartAsync(host =>
        {
            host.MapGet("/thing", () => "");
            host.MapGet("/page", () => Results.Content("<p>hello</p>", "text/html"));
            host.MapGet("/fails", IResult () => throw new InvalidOperationException("no"));
        });
        foreach (var path in new[] { "/thing", "/fails", "/nothing", "/livez" })
        {
            var answer = await app.Alice.FetchAsync(path, ("Origin", "https://elsewhere.example"));
            answer["X-Content-Type-Options"].ShouldBe("nosniff", path);
            answer["X-Frame-Options"].ShouldBe("DENY");
            answer["Referrer-Policy"].ShouldBe("no-referrer");
            answer["Cross-Origin-Resource-Policy"].ShouldBe("same-origin");
            answer["Content-Security-Policy"].ShouldBe("default-src 'none'; frame-ancestors 'none'");
            answer["Access-Control-Allow-Origin"].ShouldBeNull();
            answer["Strict-Transport-Security"].ShouldBeNull();
        }

        (await app.Alice.FetchAsync("/page"))["Content-Security-Policy"].ShouldBe("frame-ancestors 'none'");
        using var raw = await app.Client().GetAsync("/livez");
        raw.Headers.Contains("Server").ShouldBeFalse();
        (await app.Client()
            .SendAsync(
                HttpMethod.Options, "/thing", null, ("Origin", "https://elsewhere.example"), ("Access-Control-Request-Method", "GET")))[
                    "Access-Control-Allow-Origin"].ShouldBeNull();
    }

    [Theory]
    [InlineData(null, "127.0.0.1 http")]
    [InlineData("10.0.0.0/8", "127.0.0.1 http")]
    [InlineData("127.0.0.1", "203.0.113.9 https")]
    public async Task An_address_is_believed_only_from_a_proxy_that_is_trusted(string? trusted, string seen)
    {
        await using var app = await EdgeApp.StartAsync(
            host => host.MapGet("/who", (HttpContext http) => $"{http.Connection.RemoteIpAddress!.MapToIPv4()} {http.Request.Scheme}")
                .AllowAnonymous(),
            edge =>
            {
                if (trusted is not null) edge.TrustedProxies.Add(trusted);
            });
        (await app.Client().FetchAsync(
            "/who", ("X-Forwarded-For", "198.51.100.1, 203.0.113.9"), ("X-Forwarded-Proto", "http, https"))).Text.ShouldBe(seen);
    }

    [Fact]
    public async Task Where_HTTPS_is_required_nothing_is_done_in_plain()
    {
        var runs = 0;
        await using var app = await EdgeApp.StartAsync(
            host => host.MapMethods("/thing", ["GET", "POST"], () => Interlocked.Increment(ref runs)).AllowAnonymous(),
            edge =>
            {
                (edge.RequireHttps, edge.HttpsPort) = (true, 8443);
                edge.TrustedProxies.Add("127.0.0.1");
            });
        using var plain = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = app.Address };
        (await plain.FetchAsync("/thing?a=1")).ShouldBe(308)["Location"].ShouldBe("https://127.0.0.1:8443/thing?a=1");
        (await plain.PostAsync("/thing", "{}")).ShouldBeProblem(403, "https-required");
        (await plain.FetchAsync("/livez")).ShouldBe(200);
        runs.ShouldBe(0);
        (await plain.FetchAsync("/thing", ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")))
            .ShouldBe(200)["Strict-Transport-Security"].ShouldBe("max-age=31536000");
    }

    [Fact]
    public async Task A_proxy_that_is_no_address_is_named()
    {
        var faults = (
            await Should.ThrowAsync<OptionsValidationException>(
                () => EdgeApp.StartAsync(_ => { }, edge => edge.TrustedProxies.Add("my-proxy")))).Failures;
        faults.ShouldHaveSingleItem().ShouldContain("\"my-proxy\"");
    }

    [Fact]
    public async Task No_secret_of_a_request_reaches_the_log_or_an_answer()
    {
        await using var app = await EdgeApp.StartAsync(host =>
        {
            new Deposits().Map(host);
            host.MapPost("/fails", IResult (Deposit deposit) => throw new InvalidOperationException("no"));
        });
        var answers = new List<Answer>();
        foreach (var client in new[] { app.Client("sk_0123456789ab_marker-key"), app.Client("marker-token"), app.Alice })
        {
            var requests = new[]
            {
                ("/deposits", """{"account":"marker-body","amount":1}"""), ("/deposits", """{"account":"x","amount":"marker-body"}"""),
                ("/fails", """{"account":"marker-body","amount":1}"""),
            };
            foreach (var (path, body) in requests)
            {
                (string, string) key = ("Idempotency-Key", $"marker-idempotency-{answers.Count}");
                answers.Add(await client.PostAsync(path + "?token=marker-query", body, key, ("Cookie", "session=marker-cookie")));
            }
        }

        answers.Select(a => a.Status).Distinct().Order().ShouldBe([201, 400, 401, 500]);
        var secret = app.Alice.DefaultRequestHeaders.Authorization!.Parameter!;
        foreach (var marker in new[] { "marker-key", "marker-token", "marker-cookie", "marker-idempotency", secret, secret[^32..] })
        {
            app.Log.Lines.Where(l => l.Contains(marker, StringComparison.Ordinal)).ShouldBeEmpty();
            answers.Where(a => a.Text.Contains(marker, StringComparison.Ordinal)).ShouldBeEmpty();
        }

        // What the framework logs of an address is the host's to decide; Surety logs no query and no body.
        app.Log.Lines.Where(l => l.Contains(" Surety", StringComparison.Ordinal)
            && (l.Contains("marker-query", StringComparison.Ordinal)
            || l.Contains("marker-body", StringComparison.Ordinal))).ShouldBeEmpty();
    }

    [Fact]
    public async Task Idle_connections_and_half_requests_cost_little_and_keep_out_nobody()
    {
        await using var app = await EdgeApp.StartAsync(
            host => new Deposits().Map(host), configure: b =>
                b.Services.PostConfigure<KestrelServerOptions>(kestrel => kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(2)));
        var sockets = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                var socket = new TcpClient();
                sockets.Add(socket);
                await socket.ConnectAsync(app.Address.Host, app.Address.Port);
                if (i % 2 == 0)
                    await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /deposits HTTP/1.1\r\nHost: edge\r\nX-Half"));
            }

            (await app.Alice.DepositAsync("k")).ShouldBe(201);
            (await app.Client().FetchAsync("/readyz")).Text.ShouldBe("ok");
            // A half request is given up; a connection that was never used waits for its keep-alive time.
            var rest = new byte[4096];
            var read = await sockets[0].GetStream().ReadAsync(rest).AsTask().WaitAsync(Patience);
            Encoding.ASCII.GetString(rest, 0, read).ShouldStartWith("HTTP/1.1 408");
            (await app.Alice.DepositAsync("k-2")).ShouldBe(201);
        }
        finally
        {
            foreach (var socket in sockets) socket.Dispose();
        }
    }
}
