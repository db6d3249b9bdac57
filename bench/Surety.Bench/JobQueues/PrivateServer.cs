using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;

namespace Surety.Bench.JobQueues;

/// <summary>
/// A private PostgreSQL server with its stock durable settings, reached by a socket in a temporary folder. Nothing else may touch it, so
/// what its log grows by is a contender's doing.
/// </summary>
internal sealed class PrivateServer : IAsyncDisposable
{
    private const string Debian = "/usr/lib/postgresql";
    private readonly string programs;

    // Whoever ends the benchmark ends its server.
    private readonly PosixSignalRegistration[] signals;
    private int ended;

    private PrivateServer(string programs, string folder)
    {
        (this.programs, Folder) = (programs, folder);
        signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(
            s => PosixSignalRegistration.Create(s, _ => StopAsync().GetAwaiter().GetResult()))];
    }

    /// <summary>Where its socket is.</summary>
    public string Folder { get; }

    /// <summary>Whether statements can be counted.</summary>
    public bool CountsStatements { get; private set; }

    /// <param name="preload">A library to load into the server, or null.</param>
    public static async Task<PrivateServer> StartAsync(string? preload = null)
    {
        var server = new PrivateServer(FindPrograms(), Directory.CreateTempSubdirectory("surety-queue-bench-").FullName);
        try
        {
            if (Environment.IsPrivilegedProcess) await RunAsync("chown", ["postgres", server.Folder]);
            await server.RunOwnedAsync(
                "initdb", ["-D", $"{server.Folder}/data", "-U", "surety", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]);
            var counts = File.Exists($"{Path.GetDirectoryName(server.programs)}/lib/pg_stat_statements.so");
            string[] settings = ["", "listen_addresses = ''", $"unix_socket_directories = '{server.Folder}'", .. counts
                ? (string[])["shared_preload_libraries = 'pg_stat_statements'", "pg_stat_statements.track = none"] : [], ""];
            await File.AppendAllTextAsync($"{server.Folder}/data/postgresql.conf", string.Join('\n', settings));
            await server.RunOwnedAsync(
                "pg_ctl", ["start", "-D", $"{server.Folder}/data", "-l", $"{server.Folder}/log", "-w", "-s"], preload);
            server.CountsStatements = counts;
            if (counts) await server.ExecuteAsync("postgres", "CREATE EXTENSION pg_stat_statements");
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public string ConnectionString(string database) => $"Host={Folder};Username=surety;Database={database};Maximum Pool Size=30";

    public async Task ExecuteAsync(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 600 };
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string database, string sql)
    {
        await using var connection = await OpenAsync(database);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 600 };
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(ConnectionString(database) + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Runs pgbench on a database and returns what it printed, and its own processor time.</summary>
    public async Task<(string Output, TimeSpan Took)> PgbenchAsync(string database, params string[] arguments)
    {
        var program = Path.Combine(programs, "pgbench");
        if (!File.Exists(program))
            throw new InvalidOperationException(
                "pgbench was not found beside the server's programs. Install it (it is part of Debian's postgresql), or leave it out with "
                    + "--against.");
        string[] all = ["-h", Folder, "-U", "surety", "-n", "-M", "prepared", .. arguments, database];
        var before = Processes.TimeOfEndedChildren();
        using var process = Process.Start(
            new ProcessStartInfo(program, all) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? (await output, Processes.TimeOfEndedChildren() - before)
            : throw new InvalidOperationException($"pgbench {string.Join(' ', all)} ended with {process.ExitCode}: {await errors}");
    }

    /// <summary>Processor time of the server's processes, those that ended included.</summary>
    public TimeSpan ProcessorTime() =>
        Processes.TimeOfTree(int.Parse(File.ReadLines($"{Folder}/data/postmaster.pid").First(), CultureInfo.InvariantCulture));

    public async ValueTask DisposeAsync()
    {
        foreach (var signal in signals) signal.Dispose();
        await StopAsync();
    }

    private async Task StopAsync()
    {
        if (Interlocked.Exchange(ref ended, 1) != 0) return;
        await RunOwnedAsync("pg_ctl", ["stop", "-D", $"{Folder}/data", "-w", "-m", "immediate"], mayFail: true);
        Directory.Delete(Folder, recursive: true);
    }

    // PostgreSQL refuses to run as root.
    private Task RunOwnedAsync(string program, string[] arguments, string? preload = null, bool mayFail = false) =>
        Environment.IsPrivilegedProcess
        ? RunAsync(
            "setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", $"{programs}/{program}", .. arguments], preload, mayFail)
        : RunAsync($"{programs}/{program}", arguments, preload, mayFail);

    private static async Task RunAsync(string program, string[] arguments, string? preload = null, bool mayFail = false)
    {
        // pg_ctl's server inherits its output; whoever reads that to its end waits for the server.
        var starts = arguments.Contains("start");
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = !starts, RedirectStandardError = !starts, WorkingDirectory = "/", UseShellExecute = false,
        };
        if (preload is not null) start.Environment["LD_PRELOAD"] = preload;
        using var process = Process.Start(start)!;
        if (!starts) _ = process.StandardOutput.ReadToEndAsync();
        var error = starts ? "see the server's log" : await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0 && !mayFail)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error}");
    }

    private static string FindPrograms() =>
        new[] { Environment.GetEnvironmentVariable("POSTGRES_BIN") }
            .Concat(Directory.Exists(Debian)
                ? Directory.GetDirectories(Debian).OrderByDescending(d => d, StringComparer.Ordinal).Select(d => $"{d}/bin") : [])
            .FirstOrDefault(d => d is not null && File.Exists($"{d}/initdb"))
        ?? throw new InvalidOperationException(
            "PostgreSQL's server programs were not found. Install PostgreSQL (Debian: postgresql), or name the folder of initdb in "
                + "POSTGRES_BIN.");
}
