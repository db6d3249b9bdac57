using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Surety.AspNetCore.Tests;

/// <summary>The clients that people have wait as long as they are told, and no longer than it takes.</summary>
public class RealClientTests
{
    [Theory]
    [InlineData("curl", 429)]
    [InlineData("curl", 503)]
    [InlineData(".NET", 429)]
    [InlineData(".NET", 503)]
    public async Task A_client_that_is_told_to_wait_comes_back_when_it_was_told(string client, int status)
    {
        var visits = new ConcurrentQueue<(long At, int Status, int RetryAfter)>();
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                // One that is told nothing comes back after a second at the latest; so two and more say whether it listens.
                host.Use(async (http, next) =>
                {
                    var at = Stopwatch.GetTimestamp();
                    http.Response.OnCompleted(() =>
                    {
                        if (http.Request.Path == "/thing")
                            visits.Enqueue(
                                (at, http.Response.StatusCode,
                                    int.TryParse(http.Response.Headers.RetryAfter, CultureInfo.InvariantCulture, out var s) ? s : 0));
                        return Task.CompletedTask;
                    });
                    await next(http);
                });
                var thing = host.MapGet("/thing", (HttpContext http) =>
                {
                    if (status != 503 || !visits.IsEmpty) return Results.Text("done");
                    http.Response.Headers.RetryAfter = "3";
                    return HttpProblem.Of(503, "cellar-closed", "The cellar opens in three seconds.");
                });
                if (status == 429) thing.WithQuota("things");
                host.MapGet("/other", () => "").WithQuota(status == 429 ? "things" : "others");
            },
            edge =>
            {
                foreach (var quota in new[] { "things", "others" }) edge.Quotas[quota] = new()
                    { Permits = 1, Window = TimeSpan.FromSeconds(4), Everywhere = false };
            });
        // Takes the one permit there is.
        (await app.Alice.FetchAsync("/other")).ShouldBe(200);
        var key = app.Alice.DefaultRequestHeaders.Authorization!.Parameter!;
        (client == "curl" ? await CurlAsync(new Uri(app.Address, "/thing"), key) : await DotnetAsync(new Uri(app.Address, "/thing"), key))
            .ShouldBe("done");

        await EdgeApp.UntilAsync(() => Task.FromResult(visits.Count >= 2));
        visits.Select(v => v.Status).ShouldBe([status, 200]);
        var (refused, served) = (visits.First(), visits.Last());
        refused.RetryAfter.ShouldBeGreaterThanOrEqualTo(2);
        Stopwatch.GetElapsedTime(refused.At, served.At)
            .ShouldBeInRange(TimeSpan.FromSeconds(refused.RetryAfter - 0.1), TimeSpan.FromSeconds(refused.RetryAfter + 5));
    }

    private static async Task<string> CurlAsync(Uri address, string key)
    {
        var start = new ProcessStartInfo(
            "curl", ["-sS", "--retry", "3", "-H", $"Authorization: Bearer {key}", address.ToString()]) { UseShellExecute = false,
            RedirectStandardOutput = true, RedirectStandardError = true };
        using var curl = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var (said, complained) = (curl.StandardOutput.ReadToEndAsync(limit.Token), curl.StandardError.ReadToEndAsync(limit.Token));
        await curl.WaitForExitAsync(limit.Token);
        curl.ExitCode.ShouldBe(0, await complained);
        // What it was refused with comes first.
        return (await said).EndsWith("done", StringComparison.Ordinal) ? "done" : await said;
    }

    private static async Task<string> DotnetAsync(Uri address, string key)
    {
        await using var services = new ServiceCollection().AddLogging().AddHttpClient("real")
            .AddResilience().Services.BuildServiceProvider();
        var client = services.GetRequiredService<IHttpClientFactory>().CreateClient("real");
        client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        return await client.GetStringAsync(address);
    }
}
