using System.Collections.Concurrent;
using System.Diagnostics;

namespace Surety.Rigs;

/// <summary>A .NET program in a process of its own, whose last lines are kept: they say why it ended.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 60;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly ConcurrentQueue<string> lines = new();

    private readonly bool isWrapped;

    private ChildProcess(Process process, bool isWrapped) => (this.process, this.isWrapped) = (process, isWrapped);

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public string LastLines => string.Join(Environment.NewLine, lines);

    public static ChildProcess Start(
        string dll, string folder, IReadOnlyDictionary<string, string> environment, IReadOnlyList<string>? before = null)
    {
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] command = [.. before ?? [], dotnet, dll];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RigException($"{command[0]} cannot be started: {e.Message}");
        }

        var child = new ChildProcess(process, before is { Count: > 0 });
        process.OutputDataReceived += (_, line) => child.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>SIGKILL: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        try
        {
            // A tracer that dies lets its program go on.
            process.Kill(entireProcessTree: isWrapped);
        }
        catch (InvalidOperationException)
        {
            // It had ended by itself.
        }

        await process.WaitForExitAsync();
    }

    /// <summary>Waits until it has ended and all it wrote was read; false when the limit is over first.</summary>
    public async Task<bool> ExitedAsync(TimeSpan limit, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(patience.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Waits until it answers a path with success.</summary>
    public async Task UntilAnswersAsync(HttpClient client, string path, string program, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            try
            {
                using var response = await client.GetAsync(path, cancel);
                if (response.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            if (HasExited)
                throw new RigException(
                    $"{Path.GetFileName(program)} ended instead of starting. Its last lines:{Environment.NewLine}{LastLines}");
            if (Stopwatch.GetElapsedTime(began) > StartLimit)
                throw new RigException(
                    $"{Path.GetFileName(program)} did not answer {path} within {StartLimit.TotalSeconds} s. Its last "
                        + $"lines:{Environment.NewLine}{LastLines}");
            await Task.Delay(10, cancel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lines.Enqueue(line);
        while (lines.Count > KeptLines) lines.TryDequeue(out _);
    }
}
