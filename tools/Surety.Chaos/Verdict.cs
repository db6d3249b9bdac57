using Spectre.Console;
using Surety.Rigs;

namespace Surety.Chaos;

/// <summary>
/// Runs something under a progress bar (on stderr, so that stdout holds the one line of accounts) and turns what it found into an exit
/// code.
/// </summary>
internal static class Verdict
{
    private const int Kept = 0, Broken = 1, CouldNotRun = 2, Cancelled = 130;
    private const int MostShown = 50;

    public static async Task<int> RunAsync(
        int total, string unit, Func<Action<int>, Task<(string Line, IReadOnlyList<string> Violations)>> run)
    {
        try
        {
            var (line, violations) = await UnderBarAsync(total, unit, run);
            Console.WriteLine(line);
            foreach (var violation in violations.Take(MostShown)) await Console.Error.WriteLineAsync($"BROKEN: {violation}");
            if (violations.Count > MostShown) await Console.Error.WriteLineAsync($"… and {violations.Count - MostShown} more");
            return violations.Count == 0 ? Kept : Broken;
        }
        catch (StuckException e)
        {
            await Console.Error.WriteLineAsync($"BROKEN: {e.Message}");
            return Broken;
        }
        catch (Exception e) when (e is RigException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return CouldNotRun;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Stopped; nothing was concluded.");
            return Cancelled;
        }
    }

    private static Task<T> UnderBarAsync<T>(int total, string unit, Func<Action<int>, Task<T>> run)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new SpinnerColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask(unit, maxValue: total);
                return await run(done =>
                {
                    bar.Value = done;
                    bar.Description = done == total ? "waiting for quiet, auditing" : $"{done} of {total} {unit}";
                });
            });
    }
}
