using Surety;
using Surety.Rigs;
using Surety.Rigs.Chaos;

namespace Payments.Tests;

/// <summary>
/// The narrow windows that kills at random hardly ever hit: the process kills itself exactly there, while clients work, and the books must
/// be right afterwards.
/// </summary>
public class CrashPointTests
{
    private static IEnumerable<string> OnSqlite => Failpoint.All.Except(Failpoint.Postgres);

    private static IEnumerable<string> OnPostgres => Failpoint.All.Except(Failpoint.Sqlite);

    [Fact]
    public Task Killed_at_every_failpoint_nothing_is_lost_and_nothing_doubled() => KillAtAsync(OnSqlite, new RigOptions());

    [Fact]
    public Task Killed_at_every_failpoint_on_PostgreSQL_beside_a_node_that_goes_on_nothing_is_lost_and_nothing_doubled() =>
        KillAtAsync(OnPostgres, new RigOptions(RigOptions.Postgres, Nodes: 2));

    [Fact]
    public async Task Killed_while_it_makes_its_tables_it_makes_them_at_the_next_start()
    {
        await using var rig = await Rig.StartAroundAsync(Programs.Find(), new RigOptions(), default);
        rig.Nodes[0].Spawn(Failpoint.Migrating);
        (await rig.Nodes[0].DiedAtFailpointAsync(TimeSpan.FromSeconds(60), default)).ShouldBeTrue();
        await rig.Nodes[0].StartAsync(default);
        (await rig.Payments.GetAsync("/audit")).IsSuccessStatusCode.ShouldBeTrue();
    }

    [Fact]
    public void The_two_short_runs_together_die_at_every_point() =>
        Points(OnSqlite, whole: false).Concat(Points(OnPostgres, whole: false)).Select(p => p.Split(':')[0])
            .ShouldBe(Failpoint.All.Except(Failpoint.Uploads), ignoreOrder: true);

    /// <summary>
    /// Where a run dies. A short one takes every other point, on each store others. Not at the first passage, which is often the first
    /// thing a process does; the whole run dies at that one, too.
    /// </summary>
    private static List<string> Points(IEnumerable<string> failpoints, bool whole) =>
    [
        .. failpoints.Except(Failpoint.Uploads)
            .Where((p, place) => whole || place % 2 == 0 || Failpoint.Sqlite.Contains(p))
            .SelectMany(p => p is Failpoint.Migrating or Failpoint.Joined ? [p] : whole ? [p, $"{p}:7"] : new[] { $"{p}:7" }),
    ];

    private static async Task KillAtAsync(IEnumerable<string> failpoints, RigOptions rig)
    {
        var points = Points(failpoints, Counts.AreWhole);
        var options = new ChaosOptions(0, 20261, Counts.AreWhole ? 8 : 4, Programs.Find(), rig, Keep: false, Failpoints: points);
        var report = await ChaosRun.RunAsync(options, _ => { }, default);
        report.Violations.ShouldBeEmpty();
        report.Accounts.Lost.ShouldBe(0);
        report.Accounts.Duplicated.ShouldBe(0);
        report.Accounts.Effects.ShouldBe(report.Accounts.Accepted);
        report.Restarts.Count.ShouldBe(points.Count);
    }
}
