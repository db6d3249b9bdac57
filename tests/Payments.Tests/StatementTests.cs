using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Surety;
using Surety.Rigs;
using Surety.Tests.Conventions;

namespace Payments.Tests;

/// <summary>Files of payments: uploaded by the clients people have, cut, killed, and imported line by line.</summary>
public sealed class StatementTests(ITestOutputHelper output)
{
    [Fact]
    public Task A_tus_client_that_is_cut_fifty_times_and_whose_server_is_killed_uploads_one_whole_file() =>
        UploadUnderKillsAsync(new RigOptions(), output);

    internal static async Task UploadUnderKillsAsync(RigOptions options, ITestOutputHelper output)
    {
        await using var rig = await Rig.StartAsync(Programs.Find(), options, default);
        using var file = StatementFile.Large(40_000_000, "1", "2", payments: 0);
        var kills = 0;
        await using var proxy = new CuttingProxy(rig.Payments.BaseAddress!, cuts: 50, mostBytes: 1_200_000, seed: 20261121, async cut =>
        {
            if (cut % 10 != 5) return;
            kills++;
            await rig.Nodes[0].KillAsync();
            await rig.Nodes[0].StartAsync(default);
        });
        var told = JsonDocument.Parse(
            await RunAsync("node", TusClient(), $"{proxy.Address}statements", "dev", file.Path, file.Digest)).RootElement;
        var offsets = told.GetProperty("offsets").EnumerateArray().Select(o => o.GetInt64()).ToList();
        output.WriteLine($"{proxy.Cuts} cuts, {kills} kills, {offsets.Count} answers with an offset");
        (proxy.Cuts, kills).ShouldBe((50, 5));
        offsets.SequenceEqual(offsets.Order()).ShouldBeTrue("an offset went back");
        offsets.Count(o => o > 0).ShouldBeGreaterThan(30, "a cut that costs everything that came is no resumption");

        using var client = new HttpClient
        {
            BaseAddress = rig.Payments.BaseAddress, DefaultRequestHeaders = { Authorization = new("Bearer", "dev") },
        };
        var (offset, job) = await HeadAsync(client, told.GetProperty("address").GetString()!);
        offset.ShouldBe(file.Length);
        job.ShouldNotBeNull();
        (await CountJobsAsync(client, job)).ShouldBe(1);
        // The server has compared the digest with the one that was announced; that every line is there, the import says.
        await Backend.UntilAsync(async () => (await JsonAsync(client, $"{job}?wait=1"))
            .GetProperty("status").GetString() == "succeeded", () => "the import does not end");
        (await JsonAsync(client, job + "/result")).GetProperty("lines").GetInt64().ShouldBe(File.ReadLines(file.Path).Count() - 1);
    }

    [Theory]
    [InlineData(Failpoint.UploadWritten)]
    [InlineData(Failpoint.UploadSynced)]
    [InlineData(Failpoint.UploadNoted)]
    [InlineData(Failpoint.UploadStored)]
    [InlineData(Failpoint.UploadCommitted)]
    public async Task Killed_anywhere_on_an_uploads_way_its_offset_does_not_go_back_and_its_job_is_one(string point)
    {
        var bytes = new byte[200_000];
        new Random(7).NextBytes(bytes);
        await using var rig = await Rig.StartAroundAsync(Programs.Find(), new RigOptions(), default);
        rig.Nodes[0].Spawn($"{point}:{(point is Failpoint.UploadStored or Failpoint.UploadCommitted ? 1 : 3)}");
        using var client = new HttpClient
        {
            BaseAddress = rig.Payments.BaseAddress, DefaultRequestHeaders = { Authorization = new("Bearer", "dev") },
        };
        await Backend.UntilAsync(async () => await AnswersAsync(client), () => "the backend does not answer");
        var begun = await SendAsync(client, HttpMethod.Post, "/statements", null, ("Upload-Length", $"{bytes.Length}"));
        var address = begun!.Headers.Location!.ToString();

        long acknowledged = 0;
        var died = 0;
        while (acknowledged < bytes.Length)
        {
            var chunk = bytes.AsMemory((int)acknowledged, (int)Math.Min(50_000, bytes.Length - acknowledged));
            var answer = await SendAsync(client, HttpMethod.Patch, address, chunk, ("Upload-Offset", $"{acknowledged}"));
            if (answer is null)
            {
                died++;
                (await rig.Nodes[0].DiedAtFailpointAsync(TimeSpan.FromSeconds(60), default)).ShouldBeTrue();
                await rig.Nodes[0].StartAsync(default);
                var (offset, _) = await HeadAsync(client, address);
                offset.ShouldBeGreaterThanOrEqualTo(acknowledged);
                acknowledged = offset;
            }
            else
            {
                ((int)answer.StatusCode).ShouldBe(204);
                acknowledged = long.Parse(answer.Headers.GetValues("Upload-Offset").Single(), CultureInfo.InvariantCulture);
            }
        }

        died.ShouldBe(1);
        var (whole, job) = await HeadAsync(client, address);
        whole.ShouldBe(bytes.Length);
        (await CountJobsAsync(client, job.ShouldNotBeNull())).ShouldBe(1);
    }

    [Theory]
    [InlineData(RigOptions.Sqlite)]
    [InlineData(RigOptions.Postgres)]
    public async Task An_import_that_is_killed_again_and_again_posts_each_line_once(string store)
    {
        await using var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(store), default);
        var http = rig.Payments;
        var accounts = new List<string>();
        foreach (var owner in new[] { "payer", "payee" })
        {
            using var opened = await http.PostAsync("/accounts", Json(new { owner, currency = "EUR", overdraftLimit = "1000000" }));
            accounts.Add(JsonDocument.Parse(await opened.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!);
        }

        var (lines, kills) = Counts.AreWhole ? (6_000, 4) : (2_000, 2);
        using var file = StatementFile.Of(Enumerable.Range(0, lines).Select(i => $"line-{i},{accounts[0]},{accounts[1]},1"));
        var job = (await RunAsync(
            "curl", ["-sS", "-o", "/dev/null",
            "-D", "-", "-H", "Authorization: Bearer dev", "-F", $"file=@{file.Path};type=text/csv", $"{http.BaseAddress}statements"]))
            .Split('\n').Single(l => l.StartsWith("Location:", StringComparison.OrdinalIgnoreCase))["Location:".Length..].Trim();
        for (var kill = 1; kill <= kills; kill++)
        {
            var least = kill * lines / (kills + 2);
            await Backend.UntilAsync(
                async () => await BalanceAsync(http, accounts[1]) >= least, () => $"the import does not get to line {least}");
            await rig.Nodes[0].KillAsync();
            await rig.Nodes[0].StartAsync(default);
        }

        JsonElement status = default;
        await Backend.UntilAsync(async () => (status = await JsonAsync(http, $"{job}?wait=1"))
            .GetProperty("status").GetString() is "succeeded" or "dead", () => $"the import does not end: {status}");
        var result = await JsonAsync(http, job + "/result");
        (result.GetProperty("lines").GetInt32(), result.GetProperty("posted").GetInt32()).ShouldBe((lines, lines));
        (await BalanceAsync(http, accounts[1])).ShouldBe(lines);
        (await Audit.ReadAsync(rig, default)).Transfers.ShouldBe(lines);
    }

    [Fact]
    public async Task A_large_file_streams_through_in_bounded_memory()
    {
        await using var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(), default);
        var http = rig.Payments;
        using var small = StatementFile.Large(1_000_000, "1", "2", payments: 0);
        using var large = StatementFile.Large(96_000_000, "1", "2", payments: 0);
        await ImportAsync(small);
        var before = PeakKiB(rig.Nodes[0].Id);
        await ImportAsync(large);
        var after = PeakKiB(rig.Nodes[0].Id);
        output.WriteLine($"peak {before} KiB after 1 MB, {after} KiB after {large.Length} bytes");
        (after - before).ShouldBeLessThan(64 * 1_024);

        async Task ImportAsync(StatementFile file)
        {
            var answer = await RunAsync(
                "curl", ["-sS", "-H", "Authorization: Bearer dev",
                "-F", $"sha256={file.Digest}", "-F", $"file=@{file.Path};type=text/csv", $"{http.BaseAddress}statements"]);
            var id = JsonDocument.Parse(answer).RootElement.GetProperty("id").GetString();
            await Backend.UntilAsync(async () => (await JsonAsync(http, $"/jobs/{id}?wait=1"))
                .GetProperty("status").GetString() == "succeeded", () => "the import does not end");
            (await JsonAsync(http, $"/jobs/{id}/result")).GetProperty("posted").GetInt32().ShouldBe(0);
        }
    }

    private static long PeakKiB(int process) =>
        long.Parse(File.ReadLines($"/proc/{process}/status").Single(l => l.StartsWith("VmHWM", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);

    private static string TusClient()
    {
        var folder = Path.Combine(Repository.Root, "tests", "Payments.Tests", "tus");
        Directory.Exists(Path.Combine(folder, "node_modules")).ShouldBeTrue(
            "tus-js-client is not installed: run ./test, or `npm ci` in tests/Payments.Tests/tus");
        return Path.Combine(folder, "upload.js");
    }

    internal static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        var (code, said, complained) = await Tool.RunAsync(start);
        code.ShouldBe(0, complained);
        return said;
    }

    /// <summary>Null when the connection broke.</summary>
    private static async Task<HttpResponseMessage?> SendAsync(
        HttpClient client, HttpMethod method, string address, ReadOnlyMemory<byte>? chunk, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, address);
        if (chunk is { } bytes)
            request.Content = new ReadOnlyMemoryContent(bytes)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/offset+octet-stream") },
            };
        request.Headers.Add("Tus-Resumable", "1.0.0");
        foreach (var (name, value) in headers) request.Headers.Add(name, value);
        try
        {
            return await client.SendAsync(request);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static async Task<(long Offset, string? Job)> HeadAsync(HttpClient client, string address)
    {
        var answer = (await SendAsync(client, HttpMethod.Head, address, null)).ShouldNotBeNull();
        ((int)answer.StatusCode).ShouldBe(200);
        return (long.Parse(
            answer.Headers.GetValues("Upload-Offset").Single(), CultureInfo.InvariantCulture), answer.Headers.Location?.ToString());
    }

    private static async Task<bool> AnswersAsync(HttpClient client)
    {
        try
        {
            return (await client.GetAsync("/readyz")).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Jobs have growing ids, and nothing else made any here: this one is there, and no other.</summary>
    private static async Task<int> CountJobsAsync(HttpClient client, string job)
    {
        var found = 0;
        var id = long.Parse(job["/jobs/".Length..].Split('-')[0], CultureInfo.InvariantCulture);
        for (var other = 1L; other <= id + 5; other++)
        {
            using var answer = await client.GetAsync($"/jobs/{other}");
            if (answer.IsSuccessStatusCode) found++;
        }

        return found;
    }

    private static StringContent Json(object body) => new(JsonSerializer.Serialize(body), System.Text.Encoding.UTF8, "application/json");

    private static async Task<JsonElement> JsonAsync(HttpClient http, string path) =>
        JsonDocument.Parse(await http.GetStringAsync(path)).RootElement;

    private static async Task<long> BalanceAsync(HttpClient http, string account) =>
        long.Parse((await JsonAsync(http, $"/accounts/{account}")).GetProperty("balance").GetString()!, CultureInfo.InvariantCulture);
}
