using System.Diagnostics;

namespace Surety.Bench.Measuring;

/// <summary>Another process of this program in one of its roles. It ends when its input is closed, or by itself.</summary>
internal sealed class Child : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private readonly Process process;

    private Child(Process process) => this.process = process;

    /// <param name="serverCollector">Which garbage collector: the default of a web host (true) or of a worker (false).</param>
    /// <param name="arguments">The role and what it needs.</param>
    public static Child Start(bool serverCollector, params string[] arguments)
    {
        // Started as "dotnet Surety.Bench.dll" or by its own launcher.
        var launcher = Environment.ProcessPath!;
        var start = new ProcessStartInfo(launcher) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(launcher) == "dotnet") start.ArgumentList.Add(typeof(Child).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_gcServer"] = serverCollector ? "1" : "0";
        return new Child(Process.Start(start) ?? throw new InvalidOperationException("The child process did not start."));
    }

    /// <summary>The next line it says; throws when it has ended instead.</summary>
    public async Task<string> LineAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        return await process.StandardOutput.ReadLineAsync(limit.Token) ?? throw new InvalidOperationException(
            $"The child process ended without an answer: {string.Join(' ', process.StartInfo.ArgumentList)}");
    }

    public Task SayAsync(string line) => process.StandardInput.WriteLineAsync(line);

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0)
                throw new InvalidOperationException(
                    $"The child process ended with {process.ExitCode}: {string.Join(' ', process.StartInfo.ArgumentList)}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
            process.Dispose();
        }
    }
}
