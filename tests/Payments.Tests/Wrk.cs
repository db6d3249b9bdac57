using System.Diagnostics;
using System.Globalization;
using Surety.Tests.Conventions;

namespace Payments.Tests;

/// <summary>
/// Transfers at a set rate, by wrk in a process and on a thread of its own: the answers are measured where they arrive, and measuring takes
/// as little as it can from what is measured.
/// </summary>
internal static class Wrk
{
    // For the answers to what was sent last.
    private const int Rest = 2;

    private static int runs;

    /// <param name="server">Where the backend is.</param>
    /// <param name="key">An API key.</param>
    /// <param name="accounts">Transfers go between accounts 1 to this.</param>
    /// <param name="connections">How many at most wait for an answer at once.</param>
    /// <param name="rate">Requests a second; as many as there are answers where that is less.</param>
    /// <param name="seconds">How long it sends.</param>
    public static async Task<Pressed> PressAsync(Uri server, string key, int accounts, int connections, double rate, int seconds)
    {
        string[] arguments = ["-t1", $"-c{connections}", $"-d{seconds + Rest}s", "--timeout", "30s", "-s", Path.Combine(
            Repository.Root, "tests", "Payments.Tests", "load", "transfers.lua"), server.ToString()];
        var start = new ProcessStartInfo("wrk", arguments)
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        var settings = new Dictionary<string, object>
        {
            ["RATE"] = rate, ["STOP"] = seconds, ["ACCOUNTS"] = accounts, ["KEY"] = key, ["NAME"] = $"wrk{Interlocked.Increment(ref runs)}",
        };
        foreach (var (name, value) in settings) start.Environment[name] = Convert.ToString(value, CultureInfo.InvariantCulture);
        var (code, said, complained) = await Tool.RunAsync(start);
        code.ShouldBe(0, said + complained);
        var numbers = said.Split('\n').Single(l => l.StartsWith("load: ", StringComparison.Ordinal)).Split(' ', 10);
        long Count(int at) => long.Parse(numbers[at], CultureInfo.InvariantCulture);
        double Time(int at) => double.Parse(numbers[at], CultureInfo.InvariantCulture);
        return new Pressed(Count(1), Count(2), Count(3), Count(4), Count(5), Time(6), Time(7), Time(8), numbers[9], seconds);
    }
}

/// <summary>What came of it; times in milliseconds.</summary>
/// <param name="Sent">Requests.</param>
/// <param name="Accepted">Of them, those answered with 201.</param>
/// <param name="Refused">Those answered with a problem that says when to come back, and that nothing was done.</param>
/// <param name="Faults">Those answered otherwise.</param>
/// <param name="Broken">Connections that failed, and answers that never came.</param>
/// <param name="P50">Of the accepted.</param>
/// <param name="P99">Of the accepted.</param>
/// <param name="AnyP50">Of all answers.</param>
/// <param name="Fault">One of the faults.</param>
/// <param name="Seconds">How long it sent.</param>
internal sealed record Pressed(
    long Sent, long Accepted, long Refused, long Faults, long Broken, double P50, double P99, double AnyP50, string Fault, int Seconds)
{
    public double RefusedShare => (double)Refused / Sent;

    public double Rate => (double)Accepted / Seconds;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
            $"sent {Sent}, accepted {Accepted} ({Rate:0}/s, p50 {P50:0.0} ms, p99 {P99:0.0} ms), refused {Refused}; half of all answers "
                + $"within {AnyP50:0.0} ms; faults {Faults} {Fault}, broken {Broken}");
}
