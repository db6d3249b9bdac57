using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>A browser's own EventSource, with nothing of ours around it, follows a job of the reference backend.</summary>
public sealed class EventSourceTests(Chromium chromium, ITestOutputHelper output) : IClassFixture<Chromium>, IAsyncLifetime
{
    /// <summary>More than any machine imports meanwhile: the test cancels the job when it has seen enough.</summary>
    private const int Lines = 200_000;

    private const string Follow =
        """
        address => {
            window.seen = [];
            window.opened = 0;
            window.source = new EventSource(address);
            source.onopen = () => opened++;
            for (const name of ['message', 'gap', 'end'])
                source.addEventListener(name, e => seen.push({ name, id: e.lastEventId, data: JSON.parse(e.data) }));
        }
        """;

    private Rig rig = null!;

    public async ValueTask InitializeAsync() => rig = await Rig.StartAsync(Programs.Find(), new RigOptions(), default);

    public async ValueTask DisposeAsync() => await rig.DisposeAsync();

    [Fact]
    public async Task A_browser_that_is_cut_off_comes_back_by_itself_and_sees_every_step_once_in_order_and_the_end()
    {
        await using var proxy = new DroppingProxy(rig.Payments.BaseAddress!);
        var job = await ImportAsync();
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await using var context = await OpenAsync(proxy.Address);
        var page = context.Pages[0];
        // One whose connection holds says what there was to see. It comes first, so that it has seen all that the browser can.
        using var lines = new StreamReader(await rig.Payments.GetStreamAsync(job + "/events", stop.Token));
        var witness = WitnessAsync(lines, stop.Token);
        await page.EvaluateAsync(Follow, job + "/events");
        for (var drops = 1; drops <= 2; drops++)
        {
            var steps = drops * 2;
            await UntilAsync(async () => Steps(await SeenAsync(page)).Count >= steps);
            proxy.DropAll().ShouldBeGreaterThan(0);
        }

        await UntilAsync(async () => Steps(await SeenAsync(page)).Count >= 5);
        var seen = await EndAsync(page, job);
        var all = await witness;
        output.WriteLine(
            $"{seen.Count} events, {Steps(seen).Count} steps, opened {await page.EvaluateAsync<int>("opened")} times; the witness saw "
                + $"{all.Count}");
        (await page.EvaluateAsync<int>("opened")).ShouldBeGreaterThanOrEqualTo(3);
        seen.ShouldNotContain(e => e.Name == "gap");
        seen.Select(e => e.Id).ShouldBeUnique();
        // From the first it saw on, the browser missed nothing and saw nothing twice, though it was away in between.
        seen.Select(e => e.Id).ShouldBe(all.SkipWhile(id => id != seen[0].Id));
        Steps(seen).ShouldBe(Steps(seen).Distinct().Order());
        // It comes back after the end, too, as browsers do, and is told to stop.
        await UntilAsync(() => page.EvaluateAsync<bool>("source.readyState === EventSource.CLOSED"));
    }

    [Fact]
    public async Task A_browser_whose_server_is_killed_goes_on_with_the_next_one_and_sees_nothing_twice()
    {
        var job = await ImportAsync();
        await using var context = await OpenAsync(rig.Payments.BaseAddress!);
        var page = context.Pages[0];
        await page.EvaluateAsync(Follow, job + "/events");
        await UntilAsync(async () => Steps(await SeenAsync(page)).Count >= 2);
        await rig.Nodes[0].KillAsync();
        await rig.Nodes[0].StartAsync(default);

        await UntilAsync(async () => Steps(await SeenAsync(page)).Count >= 3);
        var seen = await EndAsync(page, job);
        output.WriteLine($"{seen.Count} events, {Steps(seen).Count} steps: {string.Join(' ', seen.Select(e => $"{e.Name}:{e.Id}"))}");
        // A gap has the id of what was seen last, so that whoever is cut off behind it is told again.
        seen.Where(e => e.Name != "gap").Select(e => e.Id).ShouldBeUnique();
        Steps(seen).ShouldBe(Steps(seen).Distinct().Order());
        await UntilAsync(() => page.EvaluateAsync<bool>("source.readyState === EventSource.CLOSED"));
    }

    /// <summary>A page of the backend's own origin, whose requests carry the key as a session's cookie would be carried.</summary>
    private async Task<IBrowserContext> OpenAsync(Uri origin)
    {
        var context = await chromium.Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ExtraHTTPHeaders = new Dictionary<string, string> { ["Authorization"] = "Bearer dev" },
        });
        var page = await context.NewPageAsync();
        await page.RouteAsync("**/page", route => route.FulfillAsync(new RouteFulfillOptions
        {
            ContentType = "text/html", Body = "<!doctype html><title>Statements</title>",
        }));
        await page.GotoAsync(new Uri(origin, "/page").ToString());
        return context;
    }

    private static async Task<List<Seen>> SeenAsync(IPage page) =>
        JsonSerializer.Deserialize<List<Seen>>(await page.EvaluateAsync<string>("JSON.stringify(seen)"), JsonSerializerOptions.Web)!;

    /// <summary>Cancels the job and waits until the browser has heard of it.</summary>
    private async Task<List<Seen>> EndAsync(IPage page, string job)
    {
        using var cancelled = await rig.Payments.DeleteAsync(job);
        ((int)cancelled.StatusCode).ShouldBe(202);
        await UntilAsync(async () => (await SeenAsync(page)).Any(e => e.Name == "end"));
        var seen = await SeenAsync(page);
        (seen[^1].Name, seen[^1].Data.GetProperty("status").GetString()).ShouldBe(("end", "cancelled"));
        return seen;
    }

    /// <summary>The steps of the running job's progress; the states around a step repeat it.</summary>
    private static List<long> Steps(IEnumerable<Seen> seen) =>
        [.. Changes(
            seen.Where(e => e.Name == "message" && e.Data.GetProperty("status").GetString() == "running" && e.Data.GetProperty(
            "progress").ValueKind == JsonValueKind.Object).Select(e => e.Data.GetProperty("progress").GetProperty("done").GetInt64()))];

    private static IEnumerable<long> Changes(IEnumerable<long> values)
    {
        long? last = null;
        foreach (var value in values)
        {
            if (value != last) yield return value;
            last = value;
        }
    }

    /// <summary>The ids of all events of a stream that nobody cuts.</summary>
    private static async Task<List<string>> WitnessAsync(StreamReader lines, CancellationToken cancel)
    {
        var ids = new List<string>();
        while (await lines.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal)) ids.Add(line[4..]);
        }

        return ids;
    }

    /// <summary>A file of payments that takes some seconds to import.</summary>
    private async Task<string> ImportAsync()
    {
        var accounts = new List<string>();
        foreach (var owner in new[] { "payer", "payee" })
        {
            using var opened = await rig.Payments.PostAsync("/accounts", new StringContent(
                JsonSerializer.Serialize(new { owner, currency = "EUR", overdraftLimit = "1000000" }), Encoding.UTF8, "application/json"));
            accounts.Add(JsonDocument.Parse(await opened.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!);
        }

        using var file = StatementFile.Of(
            Enumerable.Range(0, Lines).Select(i => string.Create(CultureInfo.InvariantCulture, $"line-{i},{accounts[0]},{accounts[1]},1")));
        await using var content = File.OpenRead(file.Path);
        using var part = new StreamContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("text/csv") } };
        using var form = new MultipartFormDataContent { { part, "file", "payments.csv" } };
        using var accepted = await rig.Payments.PostAsync("/statements", form);
        ((int)accepted.StatusCode).ShouldBe(202);
        return accepted.Headers.Location!.ToString();
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition())
        {
            if (limit.IsCancellationRequested) throw new TimeoutException("The browser did not get there within 60 s.");
            await Task.Delay(20);
        }
    }

    private sealed record Seen(string Name, string Id, JsonElement Data);
}
