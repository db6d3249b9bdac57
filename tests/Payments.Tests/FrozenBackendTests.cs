using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>
/// One of two backends is stopped like a machine that is paused, with transactions open that hold an account's row. The server ends them
/// at the command's time limit and five seconds, so that the other
/// backend goes on; and what the stopped one says when it runs again is true.
/// </summary>
[Trait("Category", "Alone")]
public sealed class FrozenBackendTests : IAsyncLifetime
{
    private const int AtOnce = 6;
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(1);

    // CommandTimeout, the server's five seconds more, and what a busy machine adds.
    private static readonly TimeSpan Soon = CommandTimeout + TimeSpan.FromSeconds(5) + TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource limit = new(TimeSpan.FromMinutes(8));
    private Rig rig = null!;
    private string from = "", to = "";
    private int made;

    public async ValueTask InitializeAsync()
    {
        var impatient = new Dictionary<string, string> { ["Surety__Edge__CommandTimeout"] = CommandTimeout.ToString() };
        rig = await Rig.StartAsync(
            Programs.Find(), new RigOptions(RigOptions.Postgres, Nodes: 2, Environment: _ => impatient), limit.Token);
        (from, to) = (await OpenAccountAsync(), await OpenAccountAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await rig.DisposeAsync();
        limit.Dispose();
    }

    [Fact]
    public async Task A_frozen_backends_locked_rows_are_free_within_its_time_limit_and_what_it_says_afterwards_is_true()
    {
        for (var seed = 1; seed <= Counts.Of(10); seed++) await FreezeAsync(new Random(seed));
    }

    private async Task FreezeAsync(Random random)
    {
        var (frozen, other) = (rig.Nodes[0], rig.Nodes[1]);
        var tries = new ConcurrentBag<Try>();
        using var enough = new CancellationTokenSource();
        var answered = 0;
        var load = Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (!enough.IsCancellationRequested)
            {
                tries.Add(await TryAsync(frozen, NewTransfer()));
                Interlocked.Increment(ref answered);
            }
        }));

        // Stopped after a number of answers, again and again, until it is in the middle of a transaction that has the account's row.
        for (var stops = 1; ; stops++)
        {
            stops.ShouldBeLessThan(1_000, "it never stopped with the row locked");
            var after = Volatile.Read(ref answered) + random.Next(1, 40);
            await UntilAsync(() => Task.FromResult(Volatile.Read(ref answered) >= after), TimeSpan.FromSeconds(60));
            await SignalAsync(frozen, "STOP");
            if (await IsHeldAsync()) break;
            await SignalAsync(frozen, "CONT");
        }

        var began = Stopwatch.GetTimestamp();
        await enough.CancelAsync();
        var first = await TryAsync(other, NewTransfer());
        // It waits for the row, and says when its own limit is over that nothing happened.
        (first.Status, first.Outcome).ShouldBe((503, "none"), first.Body);
        tries.Add(first);
        Try last = first;
        while (last.Status != 201)
        {
            Stopwatch.GetElapsedTime(began).ShouldBeLessThan(Soon, last.Body);
            tries.Add(last = await TryAsync(other, NewTransfer()));
        }

        await SignalAsync(frozen, "CONT");
        await load.WaitAsync(TimeSpan.FromSeconds(60));
        await ShouldBeTrueAsync(tries, other);
    }

    private async Task ShouldBeTrueAsync(IReadOnlyCollection<Try> tries, Node other)
    {
        var effects = await EffectsAsync();
        foreach (var one in tries)
        {
            var count = effects.GetValueOrDefault(one.Command.Reference);
            if (one.Status == 201) count.ShouldBe(1, one.Command.Reference);
            else if (one.Outcome == "none") count.ShouldBe(0, $"{one.Command.Reference}: {one.Body}");
            else one.Outcome.ShouldBe("unknown", one.Body);
        }

        foreach (var one in tries.Where(t => t.Status != 201))
        {
            await UntilAsync(async () => (await TryAsync(other, one.Command)).Status == 201, TimeSpan.FromSeconds(60));
        }

        effects = await EffectsAsync();
        foreach (var one in tries) effects.GetValueOrDefault(one.Command.Reference).ShouldBe(1, one.Command.Reference);
    }

    private Command NewTransfer() =>
        new(CommandKind.Transfer, string.Create(CultureInfo.InvariantCulture, $"f{Interlocked.Increment(ref made)}"), from, to, 1);

    private async Task<Try> TryAsync(Node node, Command command)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, command.Path) { Content = new ByteArrayContent(command.Body()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Idempotency-Key", command.Reference);
        using var response = await node.Http.SendAsync(request, limit.Token);
        return new Try(command, (int)response.StatusCode, await response.Content.ReadAsStringAsync(limit.Token));
    }

    /// <summary>Whether somebody has the account's row who is not doing anything.</summary>
    private async Task<bool> IsHeldAsync()
    {
        if (await rig.Postgres!.QueryAsync($"SELECT id FROM account WHERE id = {from} FOR UPDATE SKIP LOCKED", limit.Token) != "")
            return false;
        // A statement that was under way comes to its end.
        await UntilAsync(async () => await rig.Postgres.QueryAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' AND wait_event_type IS "
                + "DISTINCT FROM 'Lock' AND pid <> pg_backend_pid()", limit.Token) == "0", TimeSpan.FromSeconds(40));
        return await rig.Postgres.QueryAsync($"SELECT id FROM account WHERE id = {from} FOR UPDATE SKIP LOCKED", limit.Token) == "";
    }

    private async Task<Dictionary<string, int>> EffectsAsync() =>
        (await rig.Postgres!.QueryAsync(
            "SELECT reference || ' ' || count(*) FROM transfer WHERE reference IS NOT NULL GROUP BY reference", limit.Token)).Split(
            '\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => int.Parse(words[1], CultureInfo.InvariantCulture));

    private async Task<string> OpenAccountAsync()
    {
        using var answer = await rig.Payments.PostAsJsonAsync(
            "/accounts", new { owner = "somebody", currency = "EUR", overdraftLimit = "1000000" }, limit.Token);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!;
    }

    private static async Task SignalAsync(Node node, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", node.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    private async Task UntilAsync(Func<Task<bool>> condition, TimeSpan patience)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Stopwatch.GetElapsedTime(began).ShouldBeLessThan(patience);
            await Task.Delay(5, limit.Token);
        }
    }

    private sealed record Try(Command Command, int Status, string Body)
    {
        public string? Outcome => Status >= 400 ? JsonDocument.Parse(Body).RootElement.GetProperty("outcome").GetString() : null;
    }
}
