using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs.Chaos;

namespace Surety.Rigs.Storm;

internal sealed record StormOptions(int Rounds, int Clients, int Seed, Programs Programs, RigOptions Rig, bool Keep);

/// <summary>The same command with the same key from all clients at once, round after round, every second one under a kill.</summary>
internal sealed class StormRun(StormOptions options, Rig rig)
{
    private readonly Random random = new(options.Seed);
    private readonly List<TimeSpan> restarts = [];

    public static async Task<StormReport> RunAsync(StormOptions options, Action<int> tick, CancellationToken cancel)
    {
        await using var rig = await Rig.StartAsync(options.Programs, options.Rig, cancel);
        rig.KeepFolder = options.Keep;
        var report = await new StormRun(options, rig).RunAsync(tick, cancel);
        if (report.Violations.Count == 0) return report;
        rig.KeepFolder = true;
        return report with { Violations = [.. report.Violations, $"The databases are kept in {rig.Folder}."] };
    }

    private async Task<StormReport> RunAsync(Action<int> tick, CancellationToken cancel)
    {
        var (from, to) = (await OpenAsync(cancel), await OpenAsync(cancel));
        var funding = await new HonestClient(rig.Nodes).SendAsync(
            new Command(CommandKind.Deposit, "funding", from, null, 1_000_000_000), cancel);
        if (!funding.Accepted) throw new RigException($"The first deposit was refused: {funding.Body}");

        var rounds = new List<Round>();
        for (var number = 1; number <= options.Rounds; number++)
        {
            var reference = string.Create(CultureInfo.InvariantCulture, $"storm-{number}");
            var kind = (CommandKind)random.Next(3);
            rounds.Add(
                await RoundAsync(new Command(
                kind, reference, from, kind == CommandKind.Transfer ? to : null, random.Next(1, 1000)), number % 2 == 0, cancel));
            tick(number);
        }

        var entries = (await Books.ReadAsync(
            rig, [from, to], new Dictionary<string, string>(), cancel)).Entries.Where(e => e.Reference is not null).ToList();
        var byReference = entries.ToLookup(e => e.Reference!);
        var violations = rounds.SelectMany(r => StormAccounting.Faults(r, [.. byReference[r.Command.Reference]]))
            .Concat((await Audit.ReadAsync(rig, cancel)).Faults()).ToList();
        return new StormReport(
            options.Rounds, options.Clients, restarts.Count, rounds.Count(r => r.Answers.Any(a => a.Accepted)),
            rounds.Sum(r => StormAccounting.Effects(r.Command, byReference[r.Command.Reference])),
            rounds.Sum(r => r.Answers.Count), rounds.Sum(
                r => r.Answers.Count(a => a.Replayed)), rounds.Sum(r => r.Stuck.Count), options.Seed, violations);
    }

    private async Task<Round> RoundAsync(Command command, bool kill, CancellationToken cancel)
    {
        var answers = new ConcurrentBag<Answer>();
        var stuck = new ConcurrentBag<string>();
        var client = new HonestClient(rig.Nodes);
        var clients = Enumerable.Range(0, options.Clients).Select(_ => OneAsync()).ToList();
        if (kill)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 30), cancel);
            var node = rig.Nodes[random.Next(rig.Nodes.Count)];
            await node.KillAsync();
            restarts.Add(await node.StartAsync(cancel));
        }

        await Task.WhenAll(clients);
        return new Round(command, [.. answers], [.. stuck]);

        async Task OneAsync()
        {
            try
            {
                answers.Add(await client.SendAsync(command, cancel));
            }
            catch (StuckException e)
            {
                stuck.Add(e.Message);
            }
        }
    }

    private async Task<string> OpenAsync(CancellationToken cancel)
    {
        using var answer = await rig.Payments.PostAsJsonAsync("/accounts", new { owner = "storm", currency = "EUR" }, cancel);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(cancel)).GetProperty("id").GetString()!;
    }
}

/// <summary>What a storm found.</summary>
internal sealed record StormReport(
    int Rounds, int Clients, int Kills, int Accepted, int Effects,
    int Answers, int Replayed, int Stuck, int Seed, IReadOnlyList<string> Violations)
{
    public string Line => string.Create(
        CultureInfo.InvariantCulture,
        $"rounds={Rounds} clients={Clients} kills={Kills} accepted={Accepted} effects={Effects} answers={Answers} replayed={Replayed} "
            + $"stuck={Stuck} broken={Violations.Count} seed={Seed}");
}
