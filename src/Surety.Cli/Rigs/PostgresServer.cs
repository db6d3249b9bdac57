using System.Diagnostics;
using System.Globalization;

namespace Surety.Cli.Rigs;

/// <summary>A private PostgreSQL server with its stock durable settings, on a loopback port, in a folder of the rig's.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>For each node; <see cref="RigOptions.MostNodes"/> of them have to fit.</summary>
    private const int PoolSize = 30;
    private const int MaxConnections = 300;

    private readonly string bin;
    private readonly string folder;
    private readonly int port;

    private PostgresServer(string bin, string folder, int port) => (this.bin, this.folder, this.port) = (bin, folder, port);

    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=surety;Database=postgres;Maximum Pool Size={PoolSize}");

    /// <param name="above">The folder in which the server gets its own.</param>
    /// <param name="port">Where it is to listen.</param>
    /// <param name="cancel">Gives up; what was started is ended.</param>
    public static async Task<PostgresServer> StartAsync(string above, int port, CancellationToken cancel)
    {
        var server = new PostgresServer(FindPrograms(), Path.Combine(above, "postgres"), port);
        Directory.CreateDirectory(server.folder);
        if (!OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)
        {
            File.SetUnixFileMode(above, File.GetUnixFileMode(above) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            await RunAsync("chown", ["postgres", server.folder], cancel);
        }

        await server.RunOwnedAsync("initdb", ["-D", $"{server.folder}/data", "-U", "surety", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"], cancel);
        var settings = string.Create(CultureInfo.InvariantCulture, $"\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = {MaxConnections}\n");
        await File.AppendAllTextAsync($"{server.folder}/data/postgresql.conf", settings, cancel);
        try
        {
            await server.RunOwnedAsync("pg_ctl", ["start", "-D", $"{server.folder}/data", "-l", $"{server.folder}/log", "-w"], cancel);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await RunOwnedAsync("pg_ctl", ["stop", "-D", $"{folder}/data", "-w", "-m", "immediate"], CancellationToken.None);
        }
        catch (RigException)
        {
            // It was not running.
        }
    }

    // PostgreSQL refuses to run as root.
    private Task RunOwnedAsync(string program, string[] arguments, CancellationToken cancel) => Environment.IsPrivilegedProcess
        ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", $"{bin}/{program}", .. arguments], cancel)
        : RunAsync($"{bin}/{program}", arguments, cancel);

    private static async Task RunAsync(string program, string[] arguments, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/", UseShellExecute = false };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RigException($"{program} cannot be started: {e.Message}");
        }

        using (process)
        {
            // The server inherits pg_ctl's output; whoever reads that to its end waits for the server.
            var error = arguments.Contains("start") ? "see the server's log" : await process.StandardError.ReadToEndAsync(cancel);
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode != 0) throw new RigException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.Trim()}");
        }
    }

    private static string FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        string?[] folders = [
            Environment.GetEnvironmentVariable("POSTGRES_BIN"),
            .. Directory.Exists(debian) ? Directory.GetDirectories(debian).OrderByDescending(d => d, StringComparer.Ordinal).Select(d => $"{d}/bin") : [],
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)];
        return folders.FirstOrDefault(d => d is { Length: > 0 } && File.Exists($"{d}/initdb"))
            ?? throw new RigException("PostgreSQL's server programs were not found. Install PostgreSQL (Debian: postgresql), or name the folder of initdb in POSTGRES_BIN.");
    }
}
