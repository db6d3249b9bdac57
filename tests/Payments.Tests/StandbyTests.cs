using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs;
using Surety.Rigs.Chaos;

namespace Payments.Tests;

/// <summary>
/// PostgreSQL is told to wait for a standby that is not there. What it has committed by itself can be read, and would be lost with it:
/// nobody may be told of a success before there is a standby that has it, however the waiting ends and however often the client asks.
/// </summary>
public sealed class StandbyTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Payments = 50;
    private const string Standby = "standby";

    private readonly CancellationTokenSource limit = new(TimeSpan.FromMinutes(4));
    private readonly List<Command> commands = [];
    private readonly List<string> accounts = [];
    private Rig rig = null!;
    private PostgresServer server = null!;
    private PostgresServer? standby;

    public async ValueTask InitializeAsync()
    {
        var impatient = new Dictionary<string, string> { ["Surety__Edge__CommandTimeout"] = "00:00:02" };
        rig = await Rig.StartAsync(Programs.Find(), new RigOptions(
            RigOptions.Postgres, Connection: "Command Timeout=2;Timeout=2", Environment: _ => impatient), limit.Token);
        server = rig.Postgres!;
        // As many as there are payments at once, or most would wait for each other's rows instead of for the standby.
        while (accounts.Count < 2 * Payments) accounts.Add(await OpenAccountAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await rig.DisposeAsync();
        if (standby is not null) await standby.DisposeAsync();
        limit.Dispose();
    }

    [Fact]
    public async Task Without_its_standby_nothing_is_accepted_however_the_wait_ends_and_with_it_each_payment_happens_once()
    {
        await server.WantStandbyAsync(Standby, limit.Token);
        foreach (var end in new[] { null, "pg_cancel_backend", "pg_terminate_backend" })
        {
            var tries = await SendWhileAsync(NewCommands(), end is null ? () => Task.CompletedTask : () => EndWaitsAsync(end));
            await ShouldBeHonestAsync(tries, end ?? "time-outs");
        }

        await ShouldHappenOnceWithStandbyAsync();
    }

    [Fact]
    public async Task A_crash_does_not_turn_a_commit_that_no_standby_has_into_a_success()
    {
        await server.WantStandbyAsync(Standby, limit.Token);
        var asked = NewCommands();
        var crashed = 0;
        var tries = await SendWhileAsync(asked, async () =>
        {
            if (Interlocked.Exchange(ref crashed, 1) == 1) return;
            await UntilAsync(async () => await CountAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") >= 20);
            await server.StopAsync();
            await server.BeginAsync(limit.Token);
        });
        tries.ShouldAllBe(t => t.Status == 0 || t.Status >= 400);
        (await VisibleAsync(asked)).Count.ShouldBeGreaterThan(
            10, "without commits that can be read and are on no standby this shows nothing");

        // Asked again while there is still no standby: the answers are stored, and can be read.
        var again = await SendWhileAsync(asked, () => Task.CompletedTask);
        again.ShouldAllBe(t => t.Status >= 400);
        await ShouldHappenOnceWithStandbyAsync();
    }

    /// <summary>Sends each command once, all at the same time, and does something again and again until all have ended.</summary>
    private async Task<List<Try>> SendWhileAsync(IReadOnlyList<Command> asked, Func<Task> meanwhile)
    {
        var all = Task.WhenAll(asked.Select(TryAsync));
        while (!all.IsCompleted)
        {
            await meanwhile();
            await Task.WhenAny(all, Task.Delay(50, limit.Token));
            limit.Token.ThrowIfCancellationRequested();
        }

        return [.. await all];
    }

    private async Task<Try> TryAsync(Command command)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, command.Path) { Content = new ByteArrayContent(command.Body()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Idempotency-Key", command.Reference);
        using var response = await rig.Payments.SendAsync(request, limit.Token);
        return new Try(
            command, (int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync(
            limit.Token));
    }

    private async Task ShouldBeHonestAsync(IReadOnlyList<Try> tries, string what)
    {
        var visible = await VisibleAsync([.. tries.Select(t => t.Command)]);
        output.WriteLine(
            $"{what}: {string.Join(", ", tries.CountBy(t => $"{t.Status} {t.Outcome}").Select(c => $"{c.Value} × {c.Key}"))}; "
                + $"{visible.Count} committed on the server alone");
        foreach (var one in tries)
        {
            (one.Status is 409 or 503).ShouldBeTrue($"{one.Status} {one.Body} {rig.Nodes[0].LastLines}");
            one.MediaType.ShouldBe("application/problem+json", one.Body);
            if (one.Outcome != "none") one.Outcome.ShouldBe("unknown", one.Body);
            // 409: the request this one waited behind is another one's word.
            else visible.ShouldNotContain(one.Command.Reference, one.Body);
        }

        tries.Count(t => t.Outcome == "unknown").ShouldBeGreaterThan(10, "hardly any payment came as far as its commit");
    }

    private async Task ShouldHappenOnceWithStandbyAsync()
    {
        standby = await server.StartStandbyAsync(Standby, Path.Combine(rig.Folder, "standby"), Ports.Free(), limit.Token);
        var client = new HonestClient(rig.Nodes);
        var answers = new ConcurrentBag<Answer>();
        await Parallel.ForEachAsync(commands, limit.Token, async (command, cancel) => answers.Add(await client.SendAsync(command, cancel)));
        answers.ShouldAllBe(a => a.Accepted);
        // Every one of them can be read on the standby, at once.
        const string transfers = "SELECT count(*), sum(amount) FROM transfer";
        // The standby first: payouts go on being paid, and what is read there cannot be ahead.
        await UntilAsync(async () => await standby.QueryAsync(transfers, limit.Token) == await server.QueryAsync(transfers, limit.Token));

        var jobs = answers.Where(a => a.Command.Kind == CommandKind.Payout).ToDictionary(
            a => a.Command.Reference, a => JsonDocument.Parse(a.Body).RootElement.GetProperty("id").GetString()!);
        await UntilAsync(async () => (await Audit.ReadAsync(rig, limit.Token)).IsQuiet);
        var books = Accounting.Of(answers, await Books.ReadAsync(rig, accounts, jobs, limit.Token));
        books.Violations.ShouldBeEmpty();
        (books.Accepted, books.Effects, books.Lost, books.Duplicated).ShouldBe((commands.Count, commands.Count, 0, 0));
    }

    private List<Command> NewCommands()
    {
        var made = Enumerable.Range(0, Payments).Select(i =>
        {
            var (from, to, reference) = (accounts[2 * i], accounts[(2 * i) + 1], string.Create(
                CultureInfo.InvariantCulture, $"p{commands.Count + i}"));
            // Deposits and payouts go through one account of the house, and would wait for the first of them.
            return i < 3 ? new Command(i == 0 ? CommandKind.Payout : CommandKind.Deposit, reference, from, null, 1)
                : new Command(CommandKind.Transfer, reference, from, to, 1);
        }).ToList();
        commands.AddRange(made);
        return made;
    }

    private async Task<string> OpenAccountAsync()
    {
        using var answer = await rig.Payments.PostAsJsonAsync(
            "/accounts", new { owner = "somebody", currency = "EUR", overdraftLimit = "1000" }, limit.Token);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!;
    }

    /// <summary>Whose money has moved, as far as this server alone can tell.</summary>
    private async Task<HashSet<string>> VisibleAsync(IReadOnlyList<Command> asked)
    {
        var list = string.Join(", ", asked.Select(c => $"'{c.Reference}'"));
        var sql =
            $"SELECT reference FROM transfer WHERE reference IN ({list}) "
            + $"UNION SELECT destination FROM payout WHERE destination IN ({list})";
        return [.. (await server.QueryAsync(sql, limit.Token)).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private Task EndWaitsAsync(string how) =>
        server.QueryAsync($"SELECT count({how}(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", limit.Token);

    private async Task<long> CountAsync(string sql) => long.Parse(await server.QueryAsync(sql, limit.Token), CultureInfo.InvariantCulture);

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition()) await Task.Delay(20, limit.Token);
    }

    private sealed record Try(Command Command, int Status, string? MediaType, string Body)
    {
        public string? Outcome => Status >= 400 ? JsonDocument.Parse(Body).RootElement.GetProperty("outcome").GetString() : null;
    }
}
