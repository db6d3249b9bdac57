using Surety.Rigs;
using Surety.Rigs.Chaos;
using Surety.Rigs.Storm;

namespace Payments.Tests;

public class KillTests(ITestOutputHelper output)
{
    private static readonly int Rounds = Counts.Of(60);

    // A node that starts gets its share of a small machine only. With few clients it is up after two seconds, with many after ten.
    private static readonly int Clients = Counts.AreWhole ? 16 : 4;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(Counts.AreWhole ? 60 : 9);

    [Fact, Trait("Category", "Alone")]
    public async Task Many_kills_lose_nothing_and_double_nothing()
    {
        using var limit = new CancellationTokenSource(Limit);
        var report = await ChaosRun.RunAsync(Kills(Counts.Of(100), new RigOptions()), _ => { }, limit.Token);
        output.WriteLine(report.Line);
        ShouldBeWhole(report, Counts.Of(100));
        report.Accounts.Redelivered.ShouldBeGreaterThan(0, "a run without a repeated call has not killed inside a handler");
        // A payout dies after twelve attempts, which a short run ends before.
        if (Counts.AreWhole) report.Accounts.Released.ShouldBeGreaterThan(0, "a run without a released payout has not seen one die");
        report.MedianMs.ShouldBeLessThan(3000, report.Line);
    }

    [Fact]
    public async Task Three_nodes_on_PostgreSQL_killed_one_after_the_other_lose_nothing_and_double_nothing()
    {
        using var limit = new CancellationTokenSource(Limit);
        var options = Kills(Counts.Of(60), new RigOptions(RigOptions.Postgres, Nodes: 3));
        var report = await ChaosRun.RunAsync(options, _ => { }, limit.Token);
        output.WriteLine(report.Line);
        ShouldBeWhole(report, Counts.Of(60));
        report.Accounts.Redelivered.ShouldBeGreaterThan(0, "a run without a repeated call has not killed inside a handler");
    }

    [Fact]
    public async Task Two_nodes_behind_PgBouncer_killed_one_after_the_other_lose_nothing_and_double_nothing()
    {
        using var limit = new CancellationTokenSource(Limit);
        var options = Kills(Counts.Of(40), new RigOptions(RigOptions.Postgres, Nodes: 2, Pooled: true));
        var report = await ChaosRun.RunAsync(options, _ => { }, limit.Token);
        output.WriteLine(report.Line);
        ShouldBeWhole(report, Counts.Of(40));
    }

    [Fact]
    public async Task Two_nodes_whose_connections_to_PostgreSQL_are_cut_twice_a_second_lose_nothing_double_nothing_and_go_on()
    {
        using var limit = new CancellationTokenSource(Limit);
        var options = new ChaosOptions(0, Seed: 20261121, Clients: 16, Programs.Find(), new RigOptions(
            RigOptions.Postgres, Nodes: 2), Keep: false, Failpoints: [], CutFor: TimeSpan.FromSeconds(Counts.Of(60)));
        var report = await ChaosRun.RunAsync(options, _ => { }, limit.Token);
        output.WriteLine(report.Line);
        report.Violations.ShouldBeEmpty(report.Line);
        report.Accounts.Effects.ShouldBe(report.Accounts.Accepted);
        report.Cutter!.Connections.ShouldBeGreaterThan(30, report.Line);
        report.Cutter.Recoveries.Count.ShouldBeGreaterThan(3, report.Line);
        // Half of them; a machine that is busy otherwise may be late now and then.
        report.Cutter.Recoveries.Order()
            .ElementAt(report.Cutter.Recoveries.Count / 2).ShouldBeLessThan(TimeSpan.FromSeconds(2), report.Line);
    }

    [Fact]
    public async Task A_storm_of_one_key_over_three_nodes_on_PostgreSQL_has_one_effect_and_one_answer()
    {
        using var limit = new CancellationTokenSource(Limit);
        var options = new StormOptions(
            Rounds, Clients: 64, Seed: 20261121, Programs.Find(), new RigOptions(RigOptions.Postgres, Nodes: 3), Keep: false);
        var report = await StormRun.RunAsync(options, _ => { }, limit.Token);
        output.WriteLine(report.Line);
        report.Violations.ShouldBeEmpty(report.Line);
        (report.Accepted, report.Effects, report.Answers, report.Kills, report.Stuck).ShouldBe(
            (Rounds, Rounds, Rounds * 64, Rounds / 2, 0));
    }

    [Fact]
    public async Task A_storm_of_one_key_has_one_effect_and_one_answer()
    {
        using var limit = new CancellationTokenSource(Limit);
        var report = await StormRun.RunAsync(
            new StormOptions(Rounds, Clients: 64, Seed: 20261121, Programs.Find(), new RigOptions(), Keep: false), _ => { }, limit.Token);
        output.WriteLine(report.Line);
        report.Violations.ShouldBeEmpty(report.Line);
        (report.Accepted, report.Effects, report.Answers, report.Kills, report.Stuck).ShouldBe(
            (Rounds, Rounds, Rounds * 64, Rounds / 2, 0));
    }

    private static ChaosOptions Kills(int count, RigOptions rig) =>
        new(count, Seed: 20261121, Clients, Programs.Find(), rig, Keep: false, Failpoints: []);

    private static void ShouldBeWhole(ChaosReport report, int least)
    {
        report.Violations.ShouldBeEmpty(report.Line);
        report.Accounts.Accepted.ShouldBeGreaterThan(least);
        report.Accounts.Effects.ShouldBe(report.Accounts.Accepted);
        (report.Accounts.Lost, report.Accounts.Duplicated).ShouldBe((0, 0));
    }
}
