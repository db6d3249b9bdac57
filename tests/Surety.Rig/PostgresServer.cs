using System.Diagnostics;
using System.Globalization;

namespace Surety.Rigs;

/// <summary>
/// A private PostgreSQL server with its stock durable settings, on a loopback port and a socket, in a folder of the rig's.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const int MaxConnections = 300;

    // Making a cluster takes seconds of a processor, copying one a tenth of that.
    private static readonly Lazy<Task<string>> EmptyCluster = new(MakeEmptyClusterAsync);

    private readonly string bin;
    private readonly string folder;
    private readonly IReadOnlyList<string> variables;

    private PostgresServer(string bin, string folder, int port, IReadOnlyList<string> variables) =>
        (this.bin, this.folder, Port, this.variables) = (bin, folder, port, variables);

    public int Port { get; }

    public string ConnectionString =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username=surety;Database=postgres");

    /// <param name="folder">The server's own; made when it is not there.</param>
    /// <param name="port">Where it is to listen.</param>
    /// <param name="settings">Lines for postgresql.conf.</param>
    /// <param name="cancel">Gives up; what was started is ended.</param>
    /// <param name="variables">Of the server's environment, each as <c>NAME=value</c>.</param>
    public static async Task<PostgresServer> StartAsync(
        string folder, int port, IReadOnlyList<string> settings, CancellationToken cancel, IReadOnlyList<string>? variables = null)
    {
        var server = new PostgresServer(FindPrograms(), folder, port, variables ?? []);
        await MakeFolderAsync(folder, cancel);
        await RunAsync(AsOwner(["cp", "-a", await EmptyCluster.Value, $"{folder}/data"]), cancel);
        var own = string.Create(
            CultureInfo.InvariantCulture,
            $"\nport = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\nmax_connections = {MaxConnections}\n");
        await File.AppendAllTextAsync($"{folder}/data/postgresql.conf", $"{own}{string.Join('\n', settings)}\n", cancel);
        try
        {
            await server.BeginAsync(cancel);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public Task BeginAsync(CancellationToken cancel) =>
        RunAsync(AsOwner(["env", .. variables, $"{bin}/pg_ctl", "start", "-D", $"{folder}/data", "-l", $"{folder}/log", "-w"]), cancel);

    public async Task<bool> IsRunningAsync(CancellationToken cancel)
    {
        try
        {
            await RunAsOwnerAsync("pg_ctl", ["status", "-D", $"{folder}/data"], cancel);
            return true;
        }
        catch (RigException)
        {
            return false;
        }
    }

    /// <summary>Nothing happens when it does not run.</summary>
    /// <param name="mode">pg_ctl's: <c>immediate</c> is a crash.</param>
    public async Task StopAsync(string mode = "immediate")
    {
        try
        {
            await RunAsOwnerAsync("pg_ctl", ["stop", "-D", $"{folder}/data", "-w", "-m", mode], CancellationToken.None);
        }
        catch (RigException)
        {
            // It was not running.
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>What one statement answers, as text: a line a row.</summary>
    public async Task<string> QueryAsync(string sql, CancellationToken cancel) =>
        (await RunAsOwnerAsync(
            "psql", ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "surety", "-d", "postgres", "-X", "-A", "-t", "-q", "-c", sql],
            cancel)).Trim();

    /// <summary>Ends every client's connection but the one that asks for it; how many there were.</summary>
    public async Task<int> CutConnectionsAsync(CancellationToken cancel) =>
        int.Parse(await QueryAsync(Sql.ServerSql.CutConnections, cancel), CultureInfo.InvariantCulture);

    /// <summary>Has commits wait for a standby of that name, whether or not there is one; empty for none.</summary>
    public async Task WantStandbyAsync(string name, CancellationToken cancel)
    {
        var names = name.Length == 0 ? "" : $"ANY 1 ({name})";
        await QueryAsync($"ALTER SYSTEM SET synchronous_standby_names = '{names}'", cancel);
        await QueryAsync("SELECT pg_reload_conf()", cancel);
        while (await QueryAsync("SHOW synchronous_standby_names", cancel) != names) await Task.Delay(10, cancel);
        // A new connection has it. That commits wait, all of them are told by the checkpointer, which has it when it has done something
        // else since.
        await QueryAsync("CHECKPOINT", cancel);
    }

    /// <summary>A copy of this server that follows it under that name, and can be read.</summary>
    public async Task<PostgresServer> StartStandbyAsync(string name, string above, int port, CancellationToken cancel)
    {
        var standby = new PostgresServer(bin, above, port, []);
        await MakeFolderAsync(above, cancel);
        await RunAsOwnerAsync(
            "pg_basebackup", ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "surety", "-D", $"{above}/data", "-R", "-c", "fast"], cancel);
        await File.AppendAllTextAsync($"{above}/data/postgresql.conf", string.Create(
            CultureInfo.InvariantCulture, $"\nport = {port}\nunix_socket_directories = '{above}'\ncluster_name = '{name}'\n"), cancel);
        await standby.BeginAsync(cancel);
        return standby;
    }

    /// <summary>One of PostgreSQL's programs, run as the server's owner; its output.</summary>
    public Task<string> RunAsOwnerAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancel) =>
        RunAsync(AsOwner([$"{bin}/{program}", .. arguments]), cancel);

    /// <summary>The command as the server's owner runs it: PostgreSQL and PgBouncer refuse to run as root.</summary>
    public static string[] AsOwner(string[] command) =>
        Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", .. command] : command;

    private static async Task<string> MakeEmptyClusterAsync()
    {
        var above = Directory.CreateTempSubdirectory("surety-cluster-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(above, recursive: true);
        var folder = Path.Combine(above, "owned");
        await MakeFolderAsync(folder, CancellationToken.None);
        string[] initdb =
            [$"{FindPrograms()}/initdb", "-D", $"{folder}/data", "-U", "surety", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        await RunAsync(AsOwner(initdb), CancellationToken.None);
        return $"{folder}/data";
    }

    /// <summary>Makes a folder of the server's owner.</summary>
    public static async Task MakeFolderAsync(string folder, CancellationToken cancel)
    {
        Directory.CreateDirectory(folder);
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess) return;
        var above = Path.GetDirectoryName(Path.GetFullPath(folder))!;
        File.SetUnixFileMode(above, File.GetUnixFileMode(above) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        await RunAsync(["chown", "postgres", folder], cancel);
    }

    private static async Task<string> RunAsync(string[] command, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/", UseShellExecute = false,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RigException($"{command[0]} cannot be started: {e.Message}");
        }

        using (process)
        {
            // The server inherits pg_ctl's output: to read that to its end is to wait for the server.
            var read = !command.Contains("start");
            var error = read ? process.StandardError.ReadToEndAsync(cancel) : Task.FromResult("see the server's log");
            var output = read ? await process.StandardOutput.ReadToEndAsync(cancel) : "";
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode != 0)
                throw new RigException($"{string.Join(' ', command)} ended with {process.ExitCode}: {(await error).Trim()}");
            return output;
        }
    }

    private static string FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        string?[] folders = [
            Environment.GetEnvironmentVariable("POSTGRES_BIN"),
            .. Directory.Exists(debian)
                ? Directory.GetDirectories(debian).OrderByDescending(d => d, StringComparer.Ordinal).Select(d => $"{d}/bin") : [],
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)];
        return folders.FirstOrDefault(d => d is { Length: > 0 } && File.Exists($"{d}/initdb"))
            ?? throw new RigException(
                "PostgreSQL's server programs were not found. Install PostgreSQL (Debian: postgresql), or name the folder of initdb in "
                    + "POSTGRES_BIN.");
    }
}
