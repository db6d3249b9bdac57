using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>The first minutes of somebody who tries it: an empty folder, nothing installed, nothing configured.</summary>
public sealed partial class StartTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-start-").FullName;
    private readonly List<ChildProcess> started = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var process in started) await process.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact, Trait("Category", "Alone")]
    public async Task It_serves_its_first_transfer_within_ten_seconds()
    {
        var began = Stopwatch.GetTimestamp();
        var (client, _) = await StartAsync("Development");
        using (client)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "dev");
            await PostAsync(client, "/accounts", """{"owner":"Ada","currency":"EUR"}""", "a");
            await PostAsync(client, "/accounts", """{"owner":"Bob","currency":"EUR"}""", "b");
            await PostAsync(client, "/deposits", """{"account":"1","amount":"1250","reference":"first"}""", "c");
            await PostAsync(client, "/transfers", """{"from":"1","to":"2","amount":"250"}""", "d");
        }

        Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task The_lines_it_prints_to_try_it_work()
    {
        var (client, output) = await StartAsync("Development");
        using (client)
        {
            output.ShouldContain("\"dev\"");
            output.ShouldContain("DEVELOPMENT");
            var lines = CurlLine().Matches(output);
            lines.Count.ShouldBe(2);
            foreach (Match line in lines)
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, line.Groups["url"].Value)
                {
                    Content = new StringContent(line.Groups["body"].Value),
                };
                request.Content.Headers.ContentType = null;
                foreach (Match header in Header().Matches(line.Value))
                {
                    var (name, value) = (header.Groups["name"].Value, header.Groups["value"].Value);
                    if (!request.Headers.TryAddWithoutValidation(name, value)) request.Content.Headers.TryAddWithoutValidation(name, value);
                }

                using var response = await client.SendAsync(request);
                ((int)response.StatusCode).ShouldBe(201, await response.Content.ReadAsStringAsync());
            }
        }
    }

    [Fact]
    public async Task Outside_development_there_is_no_development_key_and_the_first_real_one_is_made_at_the_machine()
    {
        var (client, output) = await StartAsync("Production");
        using (client)
        {
            output.ShouldContain("keys create");
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "dev");
            ((int)(await client.GetAsync("/audit")).StatusCode).ShouldBe(401);

            var make = new ProcessStartInfo("dotnet", [Programs.Find().Payments, "keys", "create", "ada"])
            {
                WorkingDirectory = folder, RedirectStandardOutput = true, UseShellExecute = false,
            };
            using var making = Process.Start(make)!;
            var key = (await making.StandardOutput.ReadToEndAsync()).Trim().Split('\n')[^1];
            await making.WaitForExitAsync();
            making.ExitCode.ShouldBe(0);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            ((int)(await client.GetAsync("/keys")).StatusCode).ShouldBe(200, key);
        }
    }

    [Fact]
    public async Task A_store_that_does_not_exist_is_refused_by_name()
    {
        var process = ChildProcess.Start(Programs.Find().Payments, folder, new Dictionary<string, string>
        {
            ["Surety__Store"] = "oracle", ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });
        started.Add(process);
        (await process.ExitedAsync(TimeSpan.FromSeconds(30), default)).ShouldBeTrue();
        process.LastLines.ShouldBe("The configuration's Surety:Store is \"oracle\". It must be sqlite (the default) or postgres.");
    }

    private async Task<(HttpClient Client, string Output)> StartAsync(string environment)
    {
        var process = ChildProcess.Start(Programs.Find().Payments, folder, new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = environment, ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        });
        started.Add(process);
        await Backend.UntilAsync(
            () => Task.FromResult(process.HasExited || process.LastLines.Contains("/deposits", StringComparison.Ordinal)
            || process.LastLines.Contains("keys create", StringComparison.Ordinal)), () => process.LastLines);
        var url = Listens().Match(process.LastLines).Groups["url"].Value;
        url.ShouldNotBeEmpty(process.LastLines);
        return (new HttpClient { BaseAddress = new Uri(url) }, process.LastLines);
    }

    private static async Task PostAsync(HttpClient client, string path, string body, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Headers = { { "Idempotency-Key", key } },
        };
        using var response = await client.SendAsync(request);
        ((int)response.StatusCode).ShouldBe(201, await response.Content.ReadAsStringAsync());
    }

    [GeneratedRegex(@"Payments listens on (?<url>http://\S+),", RegexOptions.ExplicitCapture)]
    private static partial Regex Listens();

    [GeneratedRegex(@"^ *curl -s (?<url>\S+)( -H '[^']*')+ -d '(?<body>[^']*)' *$", RegexOptions.ExplicitCapture | RegexOptions.Multiline)]
    private static partial Regex CurlLine();

    [GeneratedRegex(@"-H '(?<name>[^':]+): (?<value>[^']*)'", RegexOptions.ExplicitCapture)]
    private static partial Regex Header();
}
