using System.Diagnostics;
using System.Globalization;

namespace Surety;

/// <summary>
/// What happens at the places that <see cref="Failpoint"/> names. Nothing, unless a test gave its own, or armed one of the process's: then
/// the process is killed there, as abruptly as a machine can be: no <c>finally</c>, no flush. Two environment variables arm one, so that no
/// single slip does: <c>SURETY_FAILPOINT</c> (<c>name</c>, or <c>name:n</c> for the n-th time) and <c>SURETY_FAILPOINT_RUN</c> (who does
/// this, shown on standard error).
/// </summary>
internal sealed class Failpoints(Action<string>? passed)
{
    /// <summary>For what runs outside a host.</summary>
    public static Failpoints None { get; } = new(null);

    public static Failpoints OfProcess { get; } = FromEnvironment();

    public void Pass(string name) => passed?.Invoke(name);

    private static Failpoints FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable("SURETY_FAILPOINT") is not { Length: > 0 } text) return None;
        if (Environment.GetEnvironmentVariable("SURETY_FAILPOINT_RUN") is not { Length: > 0 } run) return None;
        var (armed, times) = Read(text);
        var passed = 0;
        return new Failpoints(name =>
        {
            if (name == armed && Interlocked.Increment(ref passed) == times) Kill(armed, run);
        });
    }

    private static (string Name, int Times) Read(string text)
    {
        var (parts, times) = (text.Split(':'), 1);
        var isRead = parts.Length == 1
            || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out times) && times > 0);
        return isRead && Failpoint.All.Contains(parts[0]) ? (parts[0], times) : throw new InvalidOperationException(
            $"SURETY_FAILPOINT=\"{text}\" is not a failpoint. Write name or name:n; the names are {string.Join(", ", Failpoint.All)}.");
    }

    private static void Kill(string name, string run)
    {
        Console.Error.WriteLine($"Failpoint {name} ends this process for {run}.");
        // SIGKILL, on systems that have it: this thread does not come back from the call.
        Process.GetCurrentProcess().Kill();
    }
}
