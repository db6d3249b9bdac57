using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Surety.Tests.Conventions;

/// <summary>Compiles a piece of C# as a user would, with the SDK's own compiler, against what these tests run with.</summary>
internal static partial class Snippet
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>The compiler's errors, in the order of their lines; empty when the snippet compiles.</summary>
    public static async Task<IReadOnlyList<CompilerError>> ErrorsAsync(string code)
    {
        var folder = Directory.CreateTempSubdirectory("surety-snippet-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "snippet.cs"), code);
            var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
                .Split(Path.PathSeparator).Select(r => $"-r:\"{r}\"");
            string[] options =
                ["-nologo", "-target:library", "-nullable:enable", "-warn:0", "-out:snippet.dll", .. references, "snippet.cs"];
            await File.WriteAllLinesAsync(Path.Combine(folder, "options.rsp"), options);
            return await RunAsync(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<IReadOnlyList<CompilerError>> RunAsync(string folder)
    {
        var start = new ProcessStartInfo("dotnet", [Compiler(), "-noconfig", "@options.rsp"])
        {
            WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience);
        using var kill = limit.Token.Register(() => process.Kill(entireProcessTree: true));
        var said = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        var errors = Error()
            .Matches(said).Select(m => new CompilerError(int.Parse(m.Groups[1].Value), m.Groups[2].Value, m.Groups[3].Value));
        CompilerError[] found = [.. errors.OrderBy(e => e.Line)];
        // A compiler that did not even begin says so in another form, and must not pass for one that found nothing.
        return process.ExitCode == 0 || found.Length > 0 ? found : throw new InvalidOperationException(said);
    }

    /// <summary>Beside the runtime that runs this, in the newest SDK.</summary>
    private static string Compiler()
    {
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        return Directory.GetDirectories(Path.Combine(root, "sdk")).Select(sdk => Path.Combine(sdk, "Roslyn", "bincore", "csc.dll"))
            .Where(File.Exists).OrderByDescending(File.GetLastWriteTimeUtc).First();
    }

    [GeneratedRegex(@"snippet\.cs\((\d+),\d+\): error (CS\d+): (.*)")]
    private static partial Regex Error();
}

/// <summary>One error of the compiler's.</summary>
internal sealed record CompilerError(int Line, string Code, string Text);
