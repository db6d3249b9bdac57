using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Surety.Tests.Postgres;

/// <summary>
/// A private PostgreSQL server with its stock durable settings, in a temporary folder, on a loopback port of its own. Started once for all tests, stopped when their process ends.
/// </summary>
public sealed class PostgresServer
{
    private static readonly Lazy<Task<PostgresServer>> Shared = new(() => StartAsync());

    private readonly string folder;
    private readonly string bin;

    private PostgresServer(string folder, string bin, int port) => (this.folder, this.bin, Port) = (folder, bin, port);

    public int Port { get; }

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=surety;Database=postgres;Include Error Detail=true";

    public static Task<PostgresServer> SharedAsync() => Shared.Value;

    /// <summary>Starts a server of the test's own.</summary>
    /// <param name="settings">Lines for postgresql.conf.</param>
    public static async Task<PostgresServer> StartAsync(params string[] settings)
    {
        var bin = FindBinaries();
        var folder = Directory.CreateTempSubdirectory("surety-pg-").FullName;
        var port = FreePort();
        var server = new PostgresServer(folder, bin, port);
        if (Environment.IsPrivilegedProcess) await RunAsync("chown", "postgres", folder);
        await server.RunOwnedAsync("initdb", "-D", $"{folder}/data", "-U", "surety", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions");
        await File.AppendAllTextAsync($"{folder}/data/postgresql.conf", string.Join('\n', [
            "", $"port = {port}", "listen_addresses = '127.0.0.1'", $"unix_socket_directories = '{folder}'", "max_connections = 300", "shared_buffers = 256MB", .. settings, ""]));
        await server.BeginAsync();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.Stop();
        return server;
    }

    public Task BeginAsync() => RunOwnedAsync("pg_ctl", "start", "-D", $"{folder}/data", "-l", $"{folder}/log", "-w");

    public Task StopAsync(string mode = "immediate") => RunOwnedAsync("pg_ctl", "stop", "-D", $"{folder}/data", "-w", "-m", mode);

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private void Stop()
    {
        RunOwnedAsync("pg_ctl", "stop", "-D", $"{folder}/data", "-w", "-m", "immediate").Wait(TimeSpan.FromSeconds(10));
        Directory.Delete(folder, recursive: true);
    }

    // PostgreSQL refuses to run as root.
    private Task RunOwnedAsync(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", $"{bin}/{program}", .. arguments])
        : RunAsync($"{bin}/{program}", arguments);

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/", UseShellExecute = false };
        // pg_ctl's server inherits its output; whoever reads that to its end waits for the server.
        if (arguments.Contains("start")) start.RedirectStandardOutput = start.RedirectStandardError = false;
        using var process = Process.Start(start)!;
        var error = start.RedirectStandardError ? await process.StandardError.ReadToEndAsync() : "see the server's log";
        await process.WaitForExitAsync();
        if (process.ExitCode != 0 && !arguments.Contains("stop")) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error}");
    }

    private static string FindBinaries() =>
        new[] { Environment.GetEnvironmentVariable("POSTGRES_BIN") }
            .Concat(Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => d, StringComparer.Ordinal).Select(d => $"{d}/bin") : [])
            .FirstOrDefault(d => d is not null && File.Exists($"{d}/initdb"))
        ?? throw new InvalidOperationException("PostgreSQL's server programs were not found. Install PostgreSQL (Debian: postgresql), or name the folder of initdb in POSTGRES_BIN.");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
