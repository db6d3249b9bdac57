using System.Diagnostics;
using Surety.Tests.Conventions;

namespace Payments.Tests;

/// <summary>Programs of npm, installed by <c>./test</c> at exact versions.</summary>
internal static class NodeTools
{
    private static string Folder => Path.Combine(Repository.Root, "tests", "Payments.Tests", "openapi");

    /// <summary>A temporary folder in which the tools and the named files of this project are at hand.</summary>
    public static string Prepare(params IEnumerable<string> files)
    {
        var modules = Path.Combine(Folder, "node_modules");
        Directory.Exists(modules).ShouldBeTrue(
            "the OpenAPI tools are not installed: run ./test, or `npm ci` in tests/Payments.Tests/openapi");
        var folder = Directory.CreateTempSubdirectory("surety-openapi-").FullName;
        Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), modules);
        foreach (var file in files) File.Copy(Path.Combine(Folder, file), Path.Combine(folder, file));
        return folder;
    }

    /// <summary>Runs a script with node; what it printed, and how it ended.</summary>
    public static async Task<(int Code, string Said)> RunAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", arguments)
        {
            WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        // Nobody's colours, nobody's statistics.
        (start.Environment["NO_COLOR"], start.Environment["REDOCLY_TELEMETRY"], start.Environment["REDOCLY_SUPPRESS_UPDATE_NOTICE"]) =
            ("1", "off", "true");
        var (code, said, complained) = await Tool.RunAsync(start);
        return (code, said + complained);
    }
}
