using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Tests;

/// <summary>A host's stop waits for its own work, and not for clients that stand still.</summary>
public sealed class SlowClientTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);
    private readonly TaskCompletionSource working = new(), finish = new();

    [Theory]
    [InlineData("POST /orders HTTP/1.1\r\nHost: x\r\nContent-")]
    [InlineData("POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: KEY\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")]
    [InlineData("POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: KEY\r\nIdempotency-Key: one\r\nContent-Length: 100\r\n\r\n{")]
    [InlineData("GET /much HTTP/1.1\r\nHost: x\r\nAuthorization: KEY\r\n\r\n")]
    public async Task A_client_that_stands_still_is_cut_off(string request)
    {
        await using var app = await EdgeApp.StartAsync(Map);
        using var client = await SendAsync(app, request);
        var began = Stopwatch.GetTimestamp();
        await app.Host.StopAsync();
        Stopwatch.GetElapsedTime(began).ShouldBeLessThan(Longest);
    }

    [Fact]
    public async Task A_request_at_work_is_waited_for_and_answered()
    {
        await using var app = await EdgeApp.StartAsync(Map);
        using var client = await SendAsync(app, "POST /works HTTP/1.1\r\nHost: x\r\nAuthorization: KEY\r\nContent-Length: 0\r\n\r\n");
        using var slow = await SendAsync(app, "POST /orders HTTP/1.1\r\nHost: x\r\n");
        await working.Task.WaitAsync(TimeSpan.FromSeconds(20));
        var stop = app.Host.StopAsync();
        // The client that stands still has been cut off: the time of those that do is over.
        (await slow.GetStream().ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false).AsTask()
            .ContinueWith(read => read.IsFaulted || read.Result == 0, TaskScheduler.Default)).ShouldBeTrue();
        stop.IsCompleted.ShouldBeFalse();
        finish.SetResult();
        using var reader = new StreamReader(client.GetStream());
        (await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20))).ShouldStartWith("HTTP/1.1 200");
        await stop;
    }

    private void Map(IEndpointRouteBuilder app)
    {
        Orders.Map(app);
        new Deposits().Map(app);
        app.MapGet("/much", async (HttpContext http) =>
        {
            var block = new byte[1 << 20];
            for (var i = 0; i < 200 && !http.RequestAborted.IsCancellationRequested; i++)
            {
                await http.Response.Body.WriteAsync(block, http.RequestAborted);
                working.TrySetResult();
            }
        });
        app.MapPost("/works", async () =>
        {
            working.SetResult();
            await finish.Task;
            return "done";
        });
    }

    private async Task<TcpClient> SendAsync(EdgeApp app, string request)
    {
        var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port);
        var text = request.Replace("KEY", app.Alice.DefaultRequestHeaders.Authorization!.ToString(), StringComparison.Ordinal);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));
        // The host has taken the connection: it answers what came after it.
        if (request.StartsWith("GET", StringComparison.Ordinal)) await working.Task.WaitAsync(TimeSpan.FromSeconds(20));
        else (await app.Client().FetchAsync("/livez")).ShouldBe(200);
        return client;
    }
}
