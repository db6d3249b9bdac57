using System.Net.Sockets;
using System.Text;

namespace Surety.AspNetCore.Tests;

/// <summary>What ends a command early: its client, its time, its size.</summary>
public class CommandLimitTests
{
    private readonly Deposits deposits = new();

    [Fact]
    public async Task A_client_that_left_finds_the_answer_when_it_comes_back()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map);
        var inside = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        var fired = false;
        deposits.Before = async (_, cancel) =>
        {
            inside.TrySetResult();
            await go.Task;
            fired = cancel.IsCancellationRequested;
        };
        using var patience = new CancellationTokenSource();
        var left = app.Alice.SendAsync(HttpMethod.Post, "/deposits", Json(), patience.Token, ("Idempotency-Key", "left"));
        await inside.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(left);
        await EdgeApp.UntilAsync(
            () => Task.FromResult(
                app.Log.Lines.Any(l => l.Contains("disconnect", StringComparison.Ordinal)
                    || l.Contains("reset", StringComparison.Ordinal))), () => "the server never noticed");
        go.SetResult();

        await EdgeApp.UntilAsync(async () => await app.RecordsAsync() == 1, () => "the command did not go on");
        fired.ShouldBeFalse();
        Answer? answer = null;
        await EdgeApp.UntilAsync(async () => (answer = await app.Alice.DepositAsync("left")).Status != 409);
        answer!.ShouldBe(201)["Idempotent-Replayed"].ShouldBe("true");
        deposits.Runs.ShouldBe(1);
        (await app.DepositsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task A_body_that_stands_still_is_ended_however_much_of_it_has_come()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map, edge => edge.RequestTimeout = TimeSpan.FromSeconds(1));
        using var slow = new TcpClient();
        await slow.ConnectAsync(app.Address.Host, app.Address.Port);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: {app.Alice.DefaultRequestHeaders.Authorization}\r\nIdempotency-Key: "
                + $"slow\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n{new string(' ', 100_000)}"));

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var reader = new StreamReader(slow.GetStream(), Encoding.ASCII);
        (await reader.ReadLineAsync(patience.Token)).ShouldBe("HTTP/1.1 408 Request Timeout");
        (await app.DepositsAsync()).ShouldBe(0);
        // The key was never taken.
        (await app.Alice.DepositAsync("slow")).ShouldBe(201);
    }

    [Fact]
    public async Task Bodies_on_their_way_take_no_more_memory_than_all_of_them_may_and_small_ones_are_taken_all_the_same()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map, edge => edge.MaxBytesOfBodies = edge.MaxBodyBytes);
        var slow = new List<TcpClient>();
        try
        {
            Answer? refused = null;
            await EdgeApp.UntilAsync(
                async () =>
                {
                    var client = new TcpClient();
                    slow.Add(client);
                    await client.ConnectAsync(app.Address.Host, app.Address.Port);
                    // All but the last byte, which never comes.
                    await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                        $"POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: "
                            + $"{app.Alice.DefaultRequestHeaders.Authorization}\r\nIdempotency-Key: slow\r\nContent-Type: "
                                + $"application/json\r\nContent-Length: 600001\r\n\r\n{new string(' ', 600_000)}"));
                    refused = await app.Alice.PostAsync("/deposits", new string(' ', 500_000) + """{"account":"savings","amount":1}""",
                        ("Idempotency-Key", $"large-{slow.Count}"));
                    return refused.Status == 503;
                });
            refused!.ShouldBeProblem(503, "overloaded")["Retry-After"].ShouldBe("1");
            (await app.Alice.DepositAsync("small")).ShouldBe(201);
        }
        finally
        {
            foreach (var client in slow) client.Dispose();
        }

        // Who has left takes no room any more.
        var tries = 0;
        var large = new string(' ', 900_000) + """{"account":"savings","amount":1}""";
        await EdgeApp.UntilAsync(
            async () => (await app.Alice.PostAsync("/deposits", large, ("Idempotency-Key", $"after-{tries++}"))).Status == 201);
    }

    [Theory]
    [InlineData("/bound")]
    [InlineData("/read")]
    [InlineData("/own-limit")]
    public async Task A_body_that_stands_still_before_any_other_endpoint_is_its_clients_fault(string path)
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                host.MapPost("/bound", (Dictionary<string, string> body) => body.Count);
                host.MapPost("/read", async (HttpRequest request, CancellationToken cancel) =>
                    await new StreamReader(request.Body).ReadToEndAsync(cancel));
                host.MapPost("/own-limit", (Dictionary<string, string> body) => body.Count)
                    .WithRequestTimeout(TimeSpan.FromMilliseconds(300));
            },
            edge => edge.RequestTimeout = TimeSpan.FromMilliseconds(300));
        using var slow = new TcpClient();
        await slow.ConnectAsync(app.Address.Host, app.Address.Port);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
                + $"{app.Alice.DefaultRequestHeaders.Authorization}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var reader = new StreamReader(slow.GetStream(), Encoding.ASCII);
        var answer = await reader.ReadToEndAsync(patience.Token);
        answer.ShouldStartWith("HTTP/1.1 408 Request Timeout");
        answer.ShouldContain("\"code\":\"timeout\"");
        answer.ShouldContain("\"outcome\":\"none\"");
    }

    [Fact]
    public async Task A_failure_is_logged_though_its_client_has_left()
    {
        await using var app = await EdgeApp.StartAsync(host => host.MapPost("/fails-late", async (HttpContext http) =>
        {
            var gone = new TaskCompletionSource();
            await using var registration = http.RequestAborted.Register(gone.SetResult);
            await gone.Task;
            throw new InvalidOperationException("the books do not balance");
        }));
        using var patience = new CancellationTokenSource();
        var left = app.Alice.SendAsync(HttpMethod.Post, "/fails-late", null, patience.Token);
        await EdgeApp.UntilAsync(() =>
            Task.FromResult(app.Log.Lines.Any(l => l.Contains("Executing endpoint 'HTTP: POST /fails-late", StringComparison.Ordinal))));
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(left);
        await EdgeApp.UntilAsync(
            () => Task.FromResult(
                app.Log.Lines.Any(l => l.StartsWith("Error", StringComparison.Ordinal)
                    && l.Contains("do not balance", StringComparison.Ordinal))), () => "the failure was swallowed");
    }

    [Fact]
    public async Task A_client_that_leaves_while_it_waits_for_its_turn_costs_nothing()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map);
        using var patience = new CancellationTokenSource();
        Task<Answer> left;
        await using (var other = await app.Get<SuretyDatabase>().BeginAsync())
        {
            left = app.Alice.SendAsync(HttpMethod.Post, "/deposits", Json(), patience.Token, ("Idempotency-Key", "queued"));
            await EdgeApp.UntilAsync(() =>
                Task.FromResult(app.Log.Lines.Any(l => l.Contains("Executing endpoint 'HTTP: POST /deposits", StringComparison.Ordinal))));
            await patience.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(left);
            await EdgeApp.UntilAsync(
                () => Task.FromResult(
                    app.Log.Lines.Any(l => l.Contains("Request finished HTTP/1.1 POST", StringComparison.Ordinal)
                        && l.Contains("- 499", StringComparison.Ordinal))));
        }

        (await app.Alice.DepositAsync("queued")).ShouldBe(201);
        deposits.Runs.ShouldBe(1);
    }

    [Theory]
    [InlineData("/deposits", true)]
    [InlineData("/deposits", false)]
    [InlineData("/optional", false)]
    public async Task A_command_that_passes_its_time_limit_is_undone(string path, bool heedsItsToken)
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map, edge => edge.CommandTimeout = TimeSpan.FromMilliseconds(200));
        deposits.After = async (_, cancel) =>
        {
            var over = new TaskCompletionSource();
            await using var registration = cancel.Register(over.SetResult);
            await over.Task;
            if (heedsItsToken) cancel.ThrowIfCancellationRequested();
            return null;
        };
        var answer = await app.Alice.DepositAsync(path == "/deposits" ? "slow" : null, path: path);
        answer.ShouldBeProblem(503, "timeout")["Retry-After"].ShouldBe("1");
        (await app.DepositsAsync()).ShouldBe(0);
        (await app.RecordsAsync()).ShouldBe(0);
        deposits.After = null;
        (await app.Alice.DepositAsync("slow")).ShouldBe(201);
    }

    [Fact]
    public async Task A_command_waits_for_its_turn_no_longer_than_its_time_limit()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map, edge => edge.CommandTimeout = TimeSpan.FromMilliseconds(200));
        await using (await app.Get<SuretyDatabase>().BeginAsync()) (await app.Alice.DepositAsync("locked")).ShouldBeProblem(503, "timeout");
        deposits.Runs.ShouldBe(0);
        (await app.Alice.DepositAsync("locked")).ShouldBe(201);
    }

    [Fact]
    public async Task An_answer_too_large_to_be_kept_is_not_committed()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map, edge => edge.MaxAnswerBytes = 2_000);
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.Text(new string('x', 2_001)));
        (await app.Alice.DepositAsync("large")).ShouldBeProblem(500, "internal-error");
        (await app.DepositsAsync()).ShouldBe(0);
        app.Log.Lines.ShouldContain(l => l.Contains("MaxAnswerBytes (2000 bytes)", StringComparison.Ordinal));
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.Text(new string('x', 2_000)));
        var first = (await app.Alice.DepositAsync("large")).ShouldBe(200);
        (await app.Alice.DepositAsync("large")).ShouldRepeat(first);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_that_streams_without_end_is_undone_when_it_is_too_large_or_takes_too_long(bool slowly)
    {
        await using var app = await EdgeApp.StartAsync(
            deposits.Map, edge => (edge.MaxAnswerBytes, edge.CommandTimeout) = (2_000, TimeSpan.FromMilliseconds(300)));
        deposits.After = (_, cancel) => Task.FromResult<IResult?>(TypedResults.Stream(stream => WriteForeverAsync(stream, slowly, cancel)));
        (await app.Alice.DepositAsync("endless")).ShouldBeProblem(slowly ? 503 : 500, slowly ? "timeout" : "internal-error");
        (await app.DepositsAsync()).ShouldBe(0);
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.Stream(new MemoryStream(new byte[2_000])));
        var first = (await app.Alice.DepositAsync("endless")).ShouldBe(200);
        (await app.Alice.DepositAsync("endless")).ShouldRepeat(first);
        (await app.DepositsAsync()).ShouldBe(1);

        static async Task WriteForeverAsync(Stream stream, bool slowly, CancellationToken cancel)
        {
            while (true)
            {
                await stream.WriteAsync(new byte[slowly ? 1 : 100], cancel);
                await stream.FlushAsync(cancel);
                if (slowly) await Task.Delay(10, cancel);
            }
        }
    }

    [Fact]
    public async Task A_failure_after_the_commit_does_not_say_that_nothing_happened()
    {
        await using var app = await EdgeApp.StartAsync(host =>
        {
            host.Use(async (http, next) =>
            {
                await next(http);
                if (http.Request.Query.ContainsKey("break")) throw new InvalidOperationException("a middleware broke");
            });
            deposits.Map(host);
        });
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.NoContent());
        (await app.Alice.DepositAsync("broken", path: "/deposits?break")).ShouldBeProblem(500, "internal-error", outcome: "unknown");
        (await app.DepositsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_whose_status_has_no_body_is_sent_without_the_one_the_handler_wrote()
    {
        await using var app = await EdgeApp.StartAsync(deposits.Map);
        deposits.After = async (http, _) =>
        {
            http.Response.StatusCode = 204;
            await http.Response.WriteAsync("nobody can read this");
            return Results.Empty;
        };
        var first = (await app.Alice.DepositAsync("silent")).ShouldBe(204);
        (await app.Alice.DepositAsync("silent")).ShouldRepeat(first);
        (await app.DepositsAsync()).ShouldBe(1);
    }

    private static StringContent Json() => new("""{"account":"savings","amount":10}""", Encoding.UTF8, "application/json");
}
