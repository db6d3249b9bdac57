using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Surety.Rigs.Chaos;

/// <param name="Kills">How often it is killed at random, when no failpoints are given.</param>
/// <param name="Seed">Decides the commands.</param>
/// <param name="Clients">How many send commands at once.</param>
/// <param name="Programs">What to start.</param>
/// <param name="Rig">On which database, and how many nodes.</param>
/// <param name="Keep">Keep the databases.</param>
/// <param name="Failpoints">Where it kills itself, one after the other; empty for kills at random.</param>
/// <param name="CutFor">Instead of killing anything, cut the connections to the database for so long; zero for kills.</param>
internal sealed record ChaosOptions(
    int Kills, int Seed, int Clients, Programs Programs, RigOptions Rig,
    bool Keep, IReadOnlyList<string> Failpoints, TimeSpan CutFor = default)
{
    /// <summary>How many kills the run has.</summary>
    public int Total => CutFor > TimeSpan.Zero ? 0 : Failpoints.Count == 0 ? Kills : Failpoints.Count;
}

/// <summary>From the start of the processes to the accounts: work under kills, then quiet, then the audit.</summary>
internal sealed class ChaosRun(ChaosOptions options, Rig rig)
{
    private const int AccountCount = 12;
    private static readonly TimeSpan QuietLimit = TimeSpan.FromMinutes(3);

    private readonly ConcurrentBag<Answer> answers = [];
    private readonly Random random = new(options.Seed);

    public static async Task<ChaosReport> RunAsync(ChaosOptions options, Action<int> tick, CancellationToken cancel)
    {
        await using var rig = await Rig.StartAsync(options.Programs, options.Rig, cancel);
        rig.KeepFolder = options.Keep;
        try
        {
            var report = await new ChaosRun(options, rig).RunAsync(tick, cancel);
            if (report.Violations.Count == 0) return report;
            rig.KeepFolder = true;
            return report with { Violations = [.. report.Violations, $"The databases are kept in {rig.Folder}."] };
        }
        catch (StuckException e)
        {
            rig.KeepFolder = true;
            throw new StuckException($"{e.Message} The databases are kept in {rig.Folder}.");
        }
    }

    private async Task<ChaosReport> RunAsync(Action<int> tick, CancellationToken cancel)
    {
        var accounts = await OpenAccountsAsync(cancel);
        await rig.TroubleAsync(new { failPercent = 5, losePercent = 5, delayMs = 5 }, cancel);
        var killer = new Killer(rig, random);
        var cutter = options.CutFor > TimeSpan.Zero ? new Cutter(rig) : null;
        var client = new HonestClient(rig.Nodes)
        {
            Started = killer.RequestBegan, Answered = killer.RequestAnswered, Accepted = sent => cutter?.Accepted(sent),
        };

        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel))
        {
            var clients = Enumerable.Range(0, options.Clients)
                .Select(i => WorkAsync(client, new Workload(options.Seed, i, accounts), stop.Token, cancel)).ToList();
            var kills = cutter is not null ? cutter.RunAsync(options.CutFor, tick, cancel)
                : options.Failpoints.Count == 0 ? killer.RunAsync(options.Kills, tick, cancel)
                : killer.RunAsync(options.Failpoints, tick, cancel);
            // A client that gives up is a broken promise: it ends the run at once.
            var firstEnd = await Task.WhenAny([kills, .. clients]);
            await stop.CancelAsync();
            await firstEnd;
            await kills;
            await Task.WhenAll(clients);
        }

        await rig.TroubleAsync(new { }, cancel);
        var jobs = answers.Where(a => a is { Accepted: true, Command.Kind: CommandKind.Payout }).ToDictionary(
            a => a.Command.Reference, a => JsonDocument.Parse(a.Body).RootElement.GetProperty("id").GetString()!);
        await UntilQuietAsync(cancel);
        await killer.AuditAsync(cancel);
        // Before anything is repeated: a repeat of what was lost would do it, and hide the loss.
        var books = Accounting.Of(answers, await Books.ReadAsync(rig, accounts, jobs, cancel));
        var unequal = await RepeatAllAsync(cancel);
        await UntilQuietAsync(cancel);
        var after = Accounting.Of(answers, await Books.ReadAsync(rig, accounts, jobs, cancel));
        return new ChaosReport(
            books, options.Total, options.Seed, answers.Sum(a => a.Sends - 1), killer.Audits, killer.Restarts, cutter,
            [.. killer.Violations, .. books.Violations, .. unequal, .. after.Violations.Except(books.Violations).Select(
                v => $"After every command was repeated: {v}")]);
    }

    private async Task<IReadOnlyList<string>> OpenAccountsAsync(CancellationToken cancel)
    {
        var ids = new List<string>();
        for (var i = 0; i < AccountCount; i++)
        {
            using var answer = await rig.Payments.PostAsJsonAsync(
                "/accounts", new { owner = $"customer {i}", currency = i < AccountCount - 2 ? "EUR" : "USD" }, cancel);
            answer.EnsureSuccessStatusCode();
            ids.Add((await answer.Content.ReadFromJsonAsync<JsonElement>(cancel)).GetProperty("id").GetString()!);
        }

        return ids;
    }

    /// <summary>Until told to stop; then it still sees its last command to a certain answer.</summary>
    private async Task WorkAsync(HonestClient client, Workload workload, CancellationToken stop, CancellationToken cancel)
    {
        while (!stop.IsCancellationRequested)
        {
            answers.Add(await client.SendAsync(workload.Next(), cancel));
            await Task.Delay(workload.Pause(), cancel);
        }
    }

    private async Task UntilQuietAsync(CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (!(await Audit.ReadAsync(rig, cancel)).IsQuiet && Stopwatch.GetElapsedTime(began) < QuietLimit) await Task.Delay(200, cancel);
    }

    /// <summary>Every key once more: it must give the answer it gave, out of the store, and do nothing.</summary>
    private async Task<IReadOnlyList<string>> RepeatAllAsync(CancellationToken cancel)
    {
        var client = new HonestClient(rig.Nodes);
        var unequal = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(
            answers, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancel }, async (first, token) =>
        {
            var again = await client.SendAsync(first.Command, token);
            if (again.Status != first.Status || again.Body != first.Body || !again.Replayed)
                unequal.Add(
                    $"{first.Command.Kind} {first.Command.Reference} was answered {first.Status} {first.Body}, and when repeated "
                        + $"{again.Status} {again.Body}.");
        });
        return [.. unequal];
    }
}

/// <summary>What a run found.</summary>
internal sealed record ChaosReport(
    Accounts Accounts, int Kills, int Seed, int Retried, int Audits,
    IReadOnlyList<TimeSpan> Restarts, Cutter? Cutter, IReadOnlyList<string> Violations)
{
    public string Line => string.Create(
        CultureInfo.InvariantCulture,
        $"accepted={Accounts.Accepted} effects={Accounts.Effects} lost={Accounts.Lost} duplicated={Accounts.Duplicated} "
            + $"redelivered={Accounts.Redelivered} kills={Kills} refused={Accounts.Refused} retried={Retried} paid={Accounts.Paid} "
            + $"released={Accounts.Released} audits={Audits} restart_median_ms={MedianMs:0} restart_max_ms={MaxMs:0}{Cut} "
            + $"broken={Violations.Count} seed={Seed}");

    public double MaxMs => Longest(Restarts);

    public double MedianMs => Middle(Restarts);

    private string Cut => Cutter is null ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $" cuts={Cutter.Cuts} connections_cut={Cutter.Connections} recovery_median_ms={Middle(Cutter.Recoveries):0} "
            + $"recovery_max_ms={Longest(Cutter.Recoveries):0} without_payment_max_ms={Cutter.LongestWithoutPayment.TotalMilliseconds:0}");

    private static double Longest(IReadOnlyList<TimeSpan> times) => times.Count == 0 ? 0 : times.Max().TotalMilliseconds;

    private static double Middle(IReadOnlyList<TimeSpan> times) =>
        times.Count == 0 ? 0 : times.Order().ElementAt(times.Count / 2).TotalMilliseconds;
}
