using System.CommandLine;
using Surety.Cli.Chaos;

namespace Surety.Cli;

internal static class ChaosCommand
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var kills = CommonOptions.Number("--kills", "How often the backend is killed (SIGKILL).", 300, 1, 100_000);
        var clients = CommonOptions.Number("--clients", "How many clients send commands at once.", 16, 1, 256);
        var command = new Command("chaos", "Starts samples/Payments and its provider, sends deposits, transfers and payouts like honest clients, kills the backend again and again, and audits.") { kills, clients };
        common.AddTo(command);
        command.SetAction((parsed, cancel) => Verdict.RunAsync(
            parsed.GetValue(kills),
            "kills",
            async tick =>
            {
                var options = new ChaosOptions(parsed.GetValue(kills), parsed.GetValue(common.Seed), parsed.GetValue(clients), common.Programs(parsed), common.Rig(parsed), parsed.GetValue(common.Keep), []);
                var report = await ChaosRun.RunAsync(options, tick, cancel);
                return (report.Line, report.Violations);
            }));
        return command;
    }
}
