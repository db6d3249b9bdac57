using System.Diagnostics;

namespace Surety.Rigs;

/// <summary>One backend at an address of its own. It can be killed and started again.</summary>
internal sealed class Node(
    string program, string folder, IReadOnlyDictionary<string, string> environment, IReadOnlyList<string> before, HttpClient http)
    : IAsyncDisposable
{
    private ChildProcess? process;

    /// <summary>Speaks to it with the development key.</summary>
    public HttpClient Http => http;

    /// <summary>Its process.</summary>
    public int Id => (process ?? throw new InvalidOperationException("The backend does not run.")).Id;

    /// <summary>What it wrote last, for people.</summary>
    public string LastLines => process?.LastLines ?? "";

    /// <summary>Starts it and returns how long it took to its first answer.</summary>
    public async Task<TimeSpan> StartAsync(CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        Spawn();
        await process!.UntilAnswersAsync(http, "/readyz", program, cancel);
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Starts it and waits for nothing.</summary>
    /// <param name="failpoint">Where it is to kill itself: <c>name</c> or <c>name:n</c>; null nowhere.</param>
    public void Spawn(string? failpoint = null)
    {
        var all = new Dictionary<string, string>(environment);
        if (failpoint is not null) (all["SURETY_FAILPOINT"], all["SURETY_FAILPOINT_RUN"]) = (failpoint, "surety");
        process = ChildProcess.Start(program, folder, all, before);
    }

    /// <summary>Waits until it has killed itself at its failpoint; false when it has not within the limit.</summary>
    public async Task<bool> DiedAtFailpointAsync(TimeSpan limit, CancellationToken cancel)
    {
        var child = process ?? throw new InvalidOperationException("The backend does not run.");
        if (!await child.ExitedAsync(limit, cancel)) return false;
        if (!child.LastLines.Contains("Failpoint ", StringComparison.Ordinal))
            throw new RigException(
                $"The backend ended by itself, and not at its failpoint. Its last lines:{Environment.NewLine}{child.LastLines}");
        await child.DisposeAsync();
        process = null;
        return true;
    }

    public async Task KillAsync()
    {
        if (process is null) return;
        if (process.HasExited)
            throw new RigException(
                $"The backend ended by itself, which it must not. Its last lines:{Environment.NewLine}{process.LastLines}");
        await process.DisposeAsync();
        process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null) await process.DisposeAsync();
        http.Dispose();
    }
}
