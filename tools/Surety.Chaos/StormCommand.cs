using System.CommandLine;
using Surety.Rigs.Storm;

namespace Surety.Chaos;

internal static class StormCommand
{
    public static Command Create()
    {
        var common = new CommonOptions();
        var rounds = CommonOptions.Number(
            "--rounds", "How many rounds, each with one key. The backend is killed in half of them.", 200, 1, 100_000);
        var clients = CommonOptions.Number("--clients", "How many clients send the same command with the same key at once.", 64, 2, 1_000);
        var command = new Command(
            "storm", "Sends one command from many clients at once, again and again, and checks that it took effect once and that all got "
                + "the same answer.") { rounds, clients };
        common.AddTo(command);
        command.SetAction((parsed, cancel) => Verdict.RunAsync(
            parsed.GetValue(rounds),
            "rounds",
            async tick =>
            {
                var options = new StormOptions(parsed.GetValue(rounds), parsed.GetValue(
                    clients), parsed.GetValue(common.Seed), common.Programs(parsed), common.Rig(parsed), parsed.GetValue(common.Keep));
                var report = await StormRun.RunAsync(options, tick, cancel);
                return (report.Line, report.Violations);
            }));
        return command;
    }
}
