using System.Diagnostics;
using Surety.Tests.Conventions;
using Surety.Tests.Hosting;
using Surety.Tests.Postgres;
using Surety.Tests.Processing;
using Surety.Tests.Sqlite;

namespace Surety.Tests;

/// <summary>
/// What this test program does when a test starts it again as another process: each program has a name and stands in one line here.
/// </summary>
internal static class OtherPrograms
{
    public static Dictionary<string, Func<string[], Task<int>>> All { get; } = new(StringComparer.Ordinal)
    {
        [CultureTests.Program] = CultureTests.SayAsync,
        [FrozenNode.Name] = FrozenNode.RunAsync,
        [KillerNode.Name] = KillerNode.RunAsync,
        [OtherProcess.Name] = OtherProcess.RunAsync,
        [PortsTests.Program] = PortsTests.RunAsync,
    };

    /// <summary>Starts a program. Its input and its output are the test's to write and to read.</summary>
    public static Process Start(string name, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["exec", typeof(OtherPrograms).Assembly.Location, name, .. arguments])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
