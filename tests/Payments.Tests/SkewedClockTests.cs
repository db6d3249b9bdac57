using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>
/// Hosts whose clocks are wrong: several on one database, each by half a day; and one whose clock jumps a day ahead while it runs.
/// </summary>
public sealed class SkewedClockTests(ITestOutputHelper output)
{
    private static readonly int[] Hours = [-12, 0, 12];
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(4);

    // How long a node remembers a key that worked.
    private static readonly TimeSpan Remembered = TimeSpan.FromSeconds(5);

    /// <summary>
    /// An answer is kept for less than the clocks are apart: one clock's word would make every other's answers old, or eternal.
    /// </summary>
    private static RigOptions Options => new(RigOptions.Postgres, Nodes: 3, Environment: number => new Dictionary<string, string>
    {
        ["LD_PRELOAD"] = Library(), ["FAKETIME"] = string.Create(CultureInfo.InvariantCulture, $"{Hours[number]:+0;-0;+0}h"),
        // What measures how long something takes is no clock that anybody sets.
        ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["DONT_FAKE_MONOTONIC"] = "1",
        ["Surety__Edge__KeepAnswers"] = "01:00:00",
        ["Surety__NodeLease"] = Lease.ToString(),
    });

    [Fact]
    public async Task Processes_whose_clocks_are_half_a_day_apart_keep_answers_keys_leases_and_due_times_alike()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await using var rig = await Rig.StartAsync(Programs.Find(), Options, limit.Token);
        using var opened = await rig.Payments.PostAsJsonAsync("/accounts", new { owner = "somebody", currency = "EUR" }, limit.Token);
        var account = (await opened.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!;

        await ShouldRepeatAnswersAsync(rig, account);
        // A key works as long as the database's clock says, at every node; the one that makes it takes it for half a day more. It is over
        // before a lease is, further down.
        var dated = await MakeKeyAsync(rig, new { principal = "dated", expiresAt = TimeProvider.System.GetUtcNow().AddSeconds(12) });
        for (var node = 0; node < 3; node++) (await AskAsync(rig, node, dated)).ShouldNotBe(401);
        await ShouldRefuseEndedKeysAsync(rig, limit.Token);
        await ShouldWaitForTheProviderAsync(rig, account, limit.Token);

        // For longer than a lease nobody takes anybody for dead.
        var beat = await BeatAsync(rig, limit.Token);
        while (await BeatAsync(rig, limit.Token) < beat + Lease) await Task.Delay(200, limit.Token);
        (await rig.Postgres!.QueryAsync("SELECT count(*), count(dead_at) FROM surety.node", limit.Token)).ShouldBe("3|0");
        for (var node = 0; node < 3; node++) await UntilRefusedAsync(rig, node, dated, limit.Token);
    }

    /// <summary>Each node answers a command of its own by its own clock, and every other node repeats that.</summary>
    private static async Task ShouldRepeatAnswersAsync(Rig rig, string account)
    {
        for (var node = 0; node < 3; node++)
        {
            var body = $$"""{"account":"{{account}}","amount":"1000","reference":"r"}""";
            var first = await PostAsync(rig, node, "/deposits", $"d{node}", body);
            var off = JsonDocument.Parse(first.Body).RootElement.GetProperty("postedAt")
                .GetDateTimeOffset() - TimeProvider.System.GetUtcNow();
            off.TotalHours.ShouldBe(Hours[node], 0.1);
            for (var other = 0; other < 3; other++)
                (await PostAsync(rig, other, "/deposits", $"d{node}", body)).ShouldBe(first with { Replayed = true });
        }
    }

    /// <summary>A key that is revoked, or replaced without an overlap, is refused at once there, and soon at the others.</summary>
    private static async Task ShouldRefuseEndedKeysAsync(Rig rig, CancellationToken cancel)
    {
        var keys = new List<MadeKey>();
        for (var i = 0; i < 6; i++) keys.Add(await MakeKeyAsync(rig, new { principal = $"p{i}" }));
        foreach (var key in keys)
            for (var node = 0; node < 3; node++) (await AskAsync(rig, node, key)).ShouldNotBe(401);
        for (var node = 0; node < 3; node++)
        {
            using (var answer = await rig.Nodes[node].Http.DeleteAsync($"/keys/{keys[node].Prefix}", cancel))
                ((int)answer.StatusCode).ShouldBe(204);
            using (var answer = await rig.Nodes[node].Http.PostAsJsonAsync(
                $"/keys/{keys[node + 3].Prefix}/rotate", new { overlapSeconds = 0 }, cancel)) ((int)answer.StatusCode).ShouldBe(201);
            (await AskAsync(rig, node, keys[node])).ShouldBe(401);
            (await AskAsync(rig, node, keys[node + 3])).ShouldBe(401);
        }

        var ended = Stopwatch.GetTimestamp();
        foreach (var key in keys)
            for (var node = 0; node < 3; node++) await UntilRefusedAsync(rig, node, key, cancel);
        Stopwatch.GetElapsedTime(ended).ShouldBeLessThan(Remembered + TimeSpan.FromSeconds(3));
    }

    /// <summary>The provider says when to come back, and nobody comes sooner.</summary>
    private async Task ShouldWaitForTheProviderAsync(Rig rig, string account, CancellationToken cancel)
    {
        await rig.TroubleAsync(new { failNext = 3, retryAfterSeconds = 4 }, cancel);
        var since = Stopwatch.GetTimestamp();
        for (var node = 0; node < 3; node++)
            (await PostAsync(
                rig, node, "/payouts", $"p{node}",
                $$"""{"account":"{{account}}","amount":"100","destination":"p{{node}}"}""")).Status.ShouldBe(202);
        while ((await ProviderPayment.AllAsync(rig, cancel)).Count == 0) await Task.Delay(20, cancel);
        var soonest = Stopwatch.GetElapsedTime(since);
        while (!(await Audit.ReadAsync(rig, cancel)).IsQuiet) await Task.Delay(50, cancel);
        var last = Stopwatch.GetElapsedTime(since);
        output.WriteLine($"the first payout was paid after {soonest.TotalSeconds:0.0} s, all were after {last.TotalSeconds:0.0} s");
        soonest.ShouldBeGreaterThan(TimeSpan.FromSeconds(4));
        last.ShouldBeLessThan(TimeSpan.FromSeconds(60));
        (await ProviderPayment.AllAsync(rig, cancel))
            .Select(p => (p.Destination, p.State)).Order().ShouldBe([("p0", "paid"), ("p1", "paid"), ("p2", "paid")]);
    }

    /// <summary>The oldest heartbeat's end, by the database's clock.</summary>
    private static async Task<TimeSpan> BeatAsync(Rig rig, CancellationToken cancel)
    {
        var seconds = await rig.Postgres!.QueryAsync("SELECT min(extract(epoch FROM lease_until)) FROM surety.node", cancel);
        return TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// On SQLite the process's clock is the store's. Answers are kept for a day, and the clock jumps two days at a time, ten times in a row
    /// with SURETY_LONG=1.
    /// </summary>
    [Fact]
    public async Task A_command_is_not_run_again_because_its_hosts_clock_jumped_a_day_ahead()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var setting = Path.GetTempFileName();
        await SetAsync(0);
        var options = new RigOptions(Environment: _ => new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = Library(), ["FAKETIME_TIMESTAMP_FILE"] = setting,
                ["FAKETIME_NO_CACHE"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["DONT_FAKE_MONOTONIC"] = "1",
        });
        await using var rig = await Rig.StartAsync(Programs.Find(), options, limit.Token);
        using var opened = await rig.Payments.PostAsJsonAsync("/accounts", new { owner = "somebody", currency = "EUR" }, limit.Token);
        var account = (await opened.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!;
        var body = $$"""{"account":"{{account}}","amount":"1000","reference":"r"}""";
        var first = await PostAsync(rig, 0, "/deposits", "once", body);
        first.Status.ShouldBe(201);

        var jumps = Counts.Of(10);
        for (var jump = 1; jump <= jumps; jump++)
        {
            await SetAsync(2 * jump);
            // Its clock has jumped, and says so in what it writes.
            var other = await PostAsync(rig, 0, "/deposits", $"other-{jump}", body);
            (JsonDocument.Parse(other.Body).RootElement.GetProperty("postedAt")
                .GetDateTimeOffset() - TimeProvider.System.GetUtcNow()).TotalDays.ShouldBe(2 * jump, 0.1);
            (await PostAsync(rig, 0, "/deposits", "once", body)).ShouldBe(first with { Replayed = true });
            // A host that starts prunes at once.
            await rig.Nodes[0].KillAsync();
            await rig.Nodes[0].StartAsync(limit.Token);
            (await PostAsync(rig, 0, "/deposits", "once", body)).ShouldBe(first with { Replayed = true });
        }

        using var asked = await rig.Payments.GetAsync($"/accounts/{account}", limit.Token);
        (await asked.Content.ReadFromJsonAsync<JsonElement>(limit.Token))
            .GetProperty("balance").ToString().ShouldBe($"{1000 * (jumps + 1)}");
        File.Delete(setting);

        // Renamed into place: the process reads it whenever it looks at its clock.
        async Task SetAsync(int days)
        {
            await File.WriteAllTextAsync($"{setting}.new", string.Create(CultureInfo.InvariantCulture, $"+{days}d\n"), limit.Token);
            File.Move($"{setting}.new", setting, overwrite: true);
        }
    }

    private static async Task<MadeKey> MakeKeyAsync(Rig rig, object request)
    {
        // At the node whose clock is behind.
        using var answer = await rig.Nodes[0].Http.PostAsJsonAsync("/keys", request);
        ((int)answer.StatusCode).ShouldBe(201, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<MadeKey>())!;
    }

    private static async Task<int> AskAsync(Rig rig, int node, MadeKey key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/jobs") { Headers = { { "Authorization", $"Bearer {key.Secret}" } } };
        using var answer = await rig.Nodes[node].Http.SendAsync(request);
        return (int)answer.StatusCode;
    }

    private static async Task UntilRefusedAsync(Rig rig, int node, MadeKey key, CancellationToken cancel)
    {
        while (await AskAsync(rig, node, key) != 401) await Task.Delay(50, cancel);
    }

    private static string Library() =>
        Directory.GetFiles("/usr/lib", "libfaketimeMT.so.1", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 })
            .FirstOrDefault()
        ?? throw new InvalidOperationException("libfaketime is not installed. Run ./test, or install the package faketime.");

    private static async Task<Reply> PostAsync(Rig rig, int node, string path, string key, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"), Headers = { { "Idempotency-Key", key } },
        };
        using var response = await rig.Nodes[node].Http.SendAsync(request);
        return new Reply(
            (int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.Contains("Idempotent-Replayed"));
    }

    private sealed record Reply(int Status, string Body, bool Replayed);

    private sealed record MadeKey(string Prefix, string Secret);
}
