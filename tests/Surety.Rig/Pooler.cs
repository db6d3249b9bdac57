using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Surety.Rigs;

/// <summary>
/// PgBouncer in transaction mode before a server: two transactions of one connection may be on two of the server's. It has fewer of the
/// server's connections than its clients want, so that anything that outlives a transaction shows.
/// </summary>
internal sealed class Pooler : IAsyncDisposable
{
    private const int ServerConnections = 6;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly Process process;
    private readonly int port;

    private Pooler(Process process, int port) => (this.process, this.port) = (process, port);

    public string ConnectionString =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=surety;Database=postgres");

    /// <param name="server">What it is before.</param>
    /// <param name="folder">Its own; made when it is not there.</param>
    /// <param name="port">Where it is to listen.</param>
    /// <param name="cancel">Gives up; what was started is ended.</param>
    public static async Task<Pooler> StartAsync(PostgresServer server, string folder, int port, CancellationToken cancel)
    {
        await PostgresServer.MakeFolderAsync(folder, cancel);
        await File.WriteAllTextAsync($"{folder}/users.txt", "\"surety\" \"\"\n", cancel);
        await File.WriteAllTextAsync($"{folder}/pooler.ini", string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            postgres = host=127.0.0.1 port={server.Port} dbname=postgres
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {folder}/users.txt
            pool_mode = transaction
            default_pool_size = {ServerConnections}
            max_client_conn = 1000
            logfile = {folder}/log
            """), cancel);
        var command = PostgresServer.AsOwner(["pgbouncer", "-q", $"{folder}/pooler.ini"]);
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/" })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new RigException($"PgBouncer cannot be started: {e.Message}");
        }

        var pooler = new Pooler(process, port);
        try
        {
            await pooler.UntilListeningAsync(folder, cancel);
            return pooler;
        }
        catch
        {
            await pooler.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task UntilListeningAsync(string folder, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port, cancel);
                return;
            }
            catch (SocketException)
            {
                // Not listening yet.
            }

            if (process.HasExited || Stopwatch.GetElapsedTime(began) > StartLimit)
                throw new RigException($"PgBouncer did not start. Install it (Debian: pgbouncer), or see {folder}/log.");
            await Task.Delay(10, cancel);
        }
    }
}
