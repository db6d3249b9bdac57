using System.Diagnostics;

namespace Payments.Tests;

/// <summary>Runs somebody else's program to its end, which is never far.</summary>
internal static class Tool
{
    /// <param name="start">Its output is redirected already.</param>
    /// <returns>How it ended, and what it printed.</returns>
    public static async Task<(int Code, string Said, string Complained)> RunAsync(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var (said, complained) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{start.FileName} {string.Join(' ', start.ArgumentList)} did not end.", e);
        }

        return (process.ExitCode, await said, await complained);
    }
}
