using System.Collections.Concurrent;
using Npgsql;
using Surety.Rigs;
using PrivateServer = Surety.Rigs.PostgresServer;

namespace Surety.Tests.Postgres;

/// <summary>
/// The rig's private server in a temporary folder, and what tests say to it. Started once for all tests, stopped when their process ends.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly Lazy<Task<PostgresServer>> Shared = new(() => StartAsync());

    // What no test has disposed of ends with the process, all at once: one after the other, many would take longer than a runner waits.
    private static readonly ConcurrentDictionary<PostgresServer, bool> Running = new();

    private readonly string folder;
    private readonly PrivateServer server;

    static PostgresServer() => AppDomain.CurrentDomain.ProcessExit += (_, _) => Parallel.ForEach(Running.Keys, s => s.Stop());

    private PostgresServer(string folder, PrivateServer server) => (this.folder, this.server) = (folder, server);

    public int Port => server.Port;

    public string SocketFolder => Path.Combine(folder, "server");

    public string ConnectionString => $"{server.ConnectionString};Include Error Detail=true";

    public static Task<PostgresServer> SharedAsync() => Shared.Value;

    /// <summary>Starts a server of the test's own.</summary>
    /// <param name="settings">Lines for postgresql.conf.</param>
    public static async Task<PostgresServer> StartAsync(params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("surety-pg-").FullName;
        var server = new PostgresServer(folder, await PrivateServer.StartAsync(
            Path.Combine(folder, "server"), Ports.Free(), ["shared_buffers = 256MB", .. settings], default));
        Running[server] = true;
        return server;
    }

    public Task BeginAsync() => server.BeginAsync(default);

    public Task StopAsync(string mode = "immediate") => server.StopAsync(mode);

    /// <summary>
    /// Starts it so that it answers everybody that it is starting, until <see cref="EndStartingAsync"/>: as a standby that nobody may ask.
    /// </summary>
    public async Task BeginStartingAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "server", "data", "standby.signal"), "");
        await File.AppendAllTextAsync(Path.Combine(folder, "server", "data", "postgresql.conf"), "hot_standby = off\n");
        await server.BeginAsync(default);
    }

    public Task EndStartingAsync() =>
        server.RunAsOwnerAsync("pg_ctl", ["promote", "-D", Path.Combine(folder, "server", "data"), "-w"], default);

    /// <summary>PgBouncer before it, in a folder of the test's.</summary>
    internal Task<Pooler> StartPoolerAsync(string pooler) => Pooler.StartAsync(server, pooler, Ports.Free(), default);

    /// <summary>What pg_dump says of a schema, without its data.</summary>
    public Task<string> DumpAsync(string schema) => server.RunAsOwnerAsync(
        "pg_dump", ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "surety", "--schema-only", "-n", $"\"{schema}\"", "postgres"], default);

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

    /// <summary>Stops it for good and deletes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!Running.TryRemove(this, out _)) return;
        await server.StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private void Stop()
    {
        server.StopAsync().Wait(TimeSpan.FromSeconds(10));
        Directory.Delete(folder, recursive: true);
    }
}
