using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Shouldly;

namespace Surety.Tests.Hosting;

/// <summary>
/// This repository builds without cultures; applications do not. So a part of the tests runs once more, in a process that has the system's
/// cultures: with a minus of two characters, another calendar, another decimal point, an i that keeps its dot.
/// </summary>
public sealed partial class CultureTests
{
    public const string Program = "says-a-minus";

    private static readonly string[] Most = ["Enqueue", "Due", "UniqueKey", "Settle", "History", "Idempotency", "Open"];
    private static readonly string[] Few = ["Due", "Idempotency", "Open"];

    [Theory]
    [InlineData("he-IL")]
    [InlineData("ar-SA")]
    [InlineData("fa-IR")]
    [InlineData("ur-PK")]
    [InlineData("ckb-IQ")]
    [InlineData("tr-TR")]
    public async Task Both_stores_work_in_every_culture(string culture)
    {
        if (culture != "tr-TR")
            (await RunAsync(Program, culture)).Trim().ShouldNotBe("-1", "the process had no cultures: libicu is missing");
        List<string> arguments = ["-culture", culture, "-noColor", "-noLogo"];
        // Most of what a store does in the culture whose minus is the strangest; in the others what reads settings and numbers.
        foreach (var part in culture == "he-IL" || Counts.AreWhole ? Most : Few)
            arguments.AddRange(["-class", $"*.Postgres{part}Tests", "-class", $"*.Sqlite{part}Tests"]);
        arguments.AddRange(["-class", "*.SchemaTests"]);
        var output = await RunAsync([.. arguments]);
        var counts = Summary().Match(output);
        counts.Success.ShouldBeTrue(output);
        int.Parse(counts.Groups[1].Value, CultureInfo.InvariantCulture).ShouldBeGreaterThan(30, output);
        counts.Groups[2].Value.ShouldBe("0", output);
    }

    /// <summary>What the other process does to show that it has cultures.</summary>
    internal static Task<int> SayAsync(string[] arguments)
    {
        Console.WriteLine((-1).ToString(CultureInfo.GetCultureInfo(arguments[0])));
        return Task.FromResult(0);
    }

    private static async Task<string> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            UseShellExecute = false, RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8,
        };
        foreach (var argument in (string[])["exec", typeof(OtherPrograms).Assembly.Location, .. arguments])
            start.ArgumentList.Add(argument);
        // Stronger than what the build wrote into the program's settings.
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "0";
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output;
    }

    [GeneratedRegex(@"Total: (\d+), Errors: 0, Failed: (\d+), Skipped: 0, Not Run: 0")]
    private static partial Regex Summary();
}
