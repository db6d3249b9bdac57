using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs;
using Surety.Rigs.Chaos;
using Surety.Tests.Conventions;

namespace Payments.Tests;

/// <summary>
/// The disk under PostgreSQL fills up while clients pay: first its tables cannot grow, then its log cannot either, of which the server
/// dies.
/// </summary>
public sealed class FullDiskTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Clients = 8;

    private readonly CancellationTokenSource limit = new(TimeSpan.FromMinutes(6));
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("surety-full-disk-");
    private readonly ConcurrentQueue<Try> tries = [];
    private readonly List<string> accounts = [];
    private int asked;
    private Rig rig = null!;

    private string Full => Path.Combine(folder.FullName, "full");

    public async ValueTask InitializeAsync()
    {
        var library = Path.Combine(folder.FullName, "full-disk.so");
        var (code, _, complained) = await Tool.RunAsync(new ProcessStartInfo(
            "cc", ["-shared", "-fPIC", "-O2", "-o", library, Path.Combine(Repository.Root, "tests", "Payments.Tests", "full-disk.c"),
                "-ldl"]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true });
        code.ShouldBe(0, complained);
        if (!OperatingSystem.IsWindows()) folder.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        rig = await Rig.StartAsync(
            Programs.Find(), new RigOptions(RigOptions.Postgres, Server: [$"LD_PRELOAD={library}", $"FULL_DISK={Full}"]), limit.Token);
        while (accounts.Count < 2 * Clients)
        {
            using var answer = await rig.Payments.PostAsJsonAsync(
                "/accounts", new { owner = "somebody", currency = "EUR", overdraftLimit = "100000" }, limit.Token);
            accounts.Add((await answer.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await rig.DisposeAsync();
        limit.Dispose();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task On_a_full_disk_no_success_is_lost_and_everything_goes_on_once_there_is_room()
    {
        var host = rig.Nodes[0].Id;
        await SendUntilAsync("with room", sent => sent.Count(t => t.Accepted) >= 40);

        await File.WriteAllTextAsync(Full, "", limit.Token);
        await SendUntilAsync("when no table can grow", sent => sent.Count(t => t.Status == 503) >= 40);

        // The next commit needs the next piece of the log, which cannot be made.
        await EndPieceOfLogAsync();
        await UntilReadyAsync(false);
        await SendUntilAsync("when the log cannot grow", sent => sent.Count(t => t.Status == 503) >= 20);

        File.Delete(Full);
        await UntilReadyAsync(true);
        await ShouldHaveHadNoEffectAsync([.. tries.Where(t => t.Outcome == "none")]);
        await SendUntilAsync("with room again", sent => sent.Count(t => t.Accepted) >= 40);
        rig.Nodes[0].Id.ShouldBe(host, "the host was started again");

        foreach (var one in tries)
        {
            (one.Accepted || one.Status is 409 or 503).ShouldBeTrue($"{one.Status} {one.Body}");
            if (!one.Accepted) one.Outcome.ShouldBeOneOf("none", "unknown");
        }

        await EachShouldHappenOnceAsync();
    }

    /// <summary>Clients that each send one new command after the other, and none again.</summary>
    private async Task SendUntilAsync(string when, Func<IReadOnlyCollection<Try>, bool> enough)
    {
        var sent = new ConcurrentQueue<Try>();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async client =>
        {
            while (!enough(sent)) sent.Enqueue(await TryAsync(client));
        }));
        output.WriteLine($"{when}: {string.Join(", ", sent.CountBy(t => $"{t.Status} {t.Outcome}").Select(c => $"{c.Value} × {c.Key}"))}");
        foreach (var one in sent) tries.Enqueue(one);
    }

    private async Task<Try> TryAsync(int client)
    {
        var number = Interlocked.Increment(ref asked);
        var (from, to, reference) = (accounts[2 * client], accounts[(2 * client) + 1], string.Create(
            CultureInfo.InvariantCulture, $"p{number}"));
        var kind = (number % 8) switch { 0 => CommandKind.Payout, 1 => CommandKind.Deposit, _ => CommandKind.Transfer };
        var command = new Command(kind, reference, from, kind == CommandKind.Transfer ? to : null, 1);
        using var request = new HttpRequestMessage(HttpMethod.Post, command.Path) { Content = new ByteArrayContent(command.Body()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Idempotency-Key", command.Reference);
        using var response = await rig.Payments.SendAsync(request, limit.Token);
        return new Try(command, (int)response.StatusCode, await response.Content.ReadAsStringAsync(limit.Token));
    }

    private async Task EndPieceOfLogAsync()
    {
        try
        {
            await rig.Postgres!.QueryAsync("SELECT pg_switch_wal()", limit.Token);
        }
        catch (RigException)
        {
            // The server has died of it before it could answer.
        }
    }

    /// <summary>As a person would: a server that has given up is started again. The host is left alone.</summary>
    private async Task UntilReadyAsync(bool ready)
    {
        while (await IsReadyAsync() != ready)
        {
            if (ready && !await rig.Postgres!.IsRunningAsync(limit.Token)) await rig.Postgres.BeginAsync(limit.Token);
            await Task.Delay(50, limit.Token);
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        using var answer = await rig.Payments.GetAsync("/readyz", limit.Token);
        return answer.IsSuccessStatusCode;
    }

    private async Task ShouldHaveHadNoEffectAsync(IReadOnlyList<Try> refused)
    {
        refused.Count.ShouldBeGreaterThan(20);
        var list = string.Join(", ", refused.Select(t => $"'{t.Command.Reference}'"));
        var sql =
            $"SELECT reference FROM transfer WHERE reference IN ({list}) "
            + $"UNION SELECT destination FROM payout WHERE destination IN ({list})";
        (await rig.Postgres!.QueryAsync(sql, limit.Token)).ShouldBe("");
    }

    /// <summary>Every command once more, until its answer is certain.</summary>
    private async Task EachShouldHappenOnceAsync()
    {
        var client = new HonestClient(rig.Nodes);
        var answers = new ConcurrentBag<Answer>();
        await Parallel.ForEachAsync(tries, limit.Token, async (one, cancel) =>
        {
            var answer = await client.SendAsync(one.Command, cancel);
            if (one.Accepted) answer.Body.ShouldBe(one.Body);
            answers.Add(answer);
        });
        answers.ShouldAllBe(a => a.Accepted);
        var jobs = answers.Where(a => a.Command.Kind == CommandKind.Payout).ToDictionary(
            a => a.Command.Reference, a => JsonDocument.Parse(a.Body).RootElement.GetProperty("id").GetString()!);
        while (!(await Audit.ReadAsync(rig, limit.Token)).IsQuiet) await Task.Delay(50, limit.Token);
        var books = Accounting.Of(answers, await Books.ReadAsync(rig, accounts, jobs, limit.Token));
        books.Violations.ShouldBeEmpty();
        (books.Accepted, books.Effects, books.Lost, books.Duplicated).ShouldBe((answers.Count, answers.Count, 0, 0));
        // Nothing was given up, and the full disk spent nobody's attempts.
        (await rig.Postgres!.QueryAsync("SELECT count(*) FROM surety.message WHERE state = 6", limit.Token)).ShouldBe("0");
        (await rig.Postgres.QueryAsync(
            "SELECT outcome, error FROM surety.attempt WHERE outcome = 'retry' AND error LIKE '%53100%' LIMIT 3", limit.Token))
            .ShouldBe("");
    }

    private sealed record Try(Command Command, int Status, string Body)
    {
        public bool Accepted => Status is 201 or 202;

        public string? Outcome => Status >= 400 ? JsonDocument.Parse(Body).RootElement.GetProperty("outcome").GetString() : null;
    }
}
