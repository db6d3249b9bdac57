using System.CommandLine;
using Surety.Rigs.Chaos;

namespace Surety.Chaos;

internal static class ChaosCommand
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var kills = CommonOptions.Number("--kills", "How often the backend is killed (SIGKILL).", 300, 1, 100_000);
        var clients = CommonOptions.Number("--clients", "How many clients send commands at once.", 16, 1, 256);
        var cut = CommonOptions.Number(
            "--cut-connections",
            "For so many seconds, end every connection to PostgreSQL twice a second, instead of killing the backend; 0 for kills.",
            0, 0, 86_400);
        var command = new Command(
            "chaos", "Starts samples/Payments and its provider, sends deposits, transfers and payouts like honest clients, kills the "
                + "backend again and again, and audits.") { kills, clients, cut };
        common.AddTo(command);
        command.SetAction((parsed, cancel) => Verdict.RunAsync(
            parsed.GetValue(cut) is > 0 and var total ? total : parsed.GetValue(kills),
            parsed.GetValue(cut) > 0 ? "seconds" : "kills",
            async tick =>
            {
                var options = new ChaosOptions(
                    parsed.GetValue(kills), parsed.GetValue(common.Seed), parsed.GetValue(clients), common.Programs(
                    parsed), common.Rig(parsed), parsed.GetValue(common.Keep), [], TimeSpan.FromSeconds(parsed.GetValue(cut)));
                if (options.CutFor > TimeSpan.Zero && options.Rig.Store != Rigs.RigOptions.Postgres)
                    throw new Rigs.RigException($"--cut-connections needs --store {Rigs.RigOptions.Postgres}: SQLite has none.");
                var report = await ChaosRun.RunAsync(options, tick, cancel);
                return (report.Line, report.Violations);
            }));
        return command;
    }
}
