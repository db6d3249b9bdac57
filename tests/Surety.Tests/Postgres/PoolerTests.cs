using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Surety.Storage;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>
/// PgBouncer in transaction mode between two hosts and the server: two transactions of one connection may be on two of the server's. With fewer of the server's connections than the hosts have,
/// anything that outlives a transaction would show.
/// </summary>
public sealed class PoolerTests : IAsyncLifetime
{
    private const string Schema = "pooled";
    private readonly ConcurrentDictionary<int, int> handled = new();
    private PostgresServer server = null!;
    private Process pooler = null!;
    private string folder = "";
    private string pooled = "";

    public async Task InitializeAsync()
    {
        server = await PostgresServer.SharedAsync();
        folder = Directory.CreateTempSubdirectory("surety-pooler-").FullName;
        var port = FreePort();
        await File.WriteAllTextAsync($"{folder}/users.txt", "\"surety\" \"\"\n");
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
            default_pool_size = 4
            max_client_conn = 200
            """));
        if (Environment.IsPrivilegedProcess) Process.Start("chmod", ["-R", "a+rX", folder]).WaitForExit();
        string[] command = [.. Environment.IsPrivilegedProcess ? (string[])["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [], "pgbouncer", "-q", $"{folder}/pooler.ini"];
        pooler = Process.Start(new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/" })!;
        pooled = string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={port};Username=surety;Database=postgres;Maximum Pool Size=20");
        await WorkingHost.UntilAsync(async () =>
        {
            pooler.HasExited.ShouldBeFalse("PgBouncer did not start");
            try
            {
                await using var connection = new NpgsqlConnection(pooled + ";Pooling=False");
                await connection.OpenAsync();
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        });
    }

    public async Task DisposeAsync()
    {
        if (!pooler.HasExited) pooler.Kill();
        await pooler.WaitForExitAsync();
        pooler.Dispose();
        Directory.Delete(folder, recursive: true);
        await server.ExecuteAsync($"DROP SCHEMA IF EXISTS {Schema} CASCADE");
    }

    [Fact]
    public async Task Two_hosts_behind_PgBouncer_in_transaction_mode_handle_each_message_once()
    {
        await using var one = await HostAsync();
        await using var two = await HostAsync();
        (await one.Get<IStore>().CheckAsync(default)).Detail.ShouldEndWith("through a pooler");
        await one.ExecuteAsync($"CREATE TABLE {Schema}.effect (number INTEGER)");
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            var host = i % 2 == 0 ? one : two;
            await using var work = await host.Database.BeginAsync();
            await host.Queue.EnqueueAsync(new Ping(i), work);
            await host.Queue.EnqueueAsync(new Pong(i), new EnqueueOptions { OrderingKey = $"{i % 5}" }, work);
            await work.CommitAsync();
        }));
        await WorkingHost.UntilAsync(async () => handled.Count == 200 && await one.ScalarAsync($"SELECT count(*) FROM {Schema}.effect") == 200, () => $"{handled.Count} pongs were handled");
        (await one.ScalarAsync($"SELECT count(DISTINCT number) FROM {Schema}.effect")).ShouldBe(200);
        handled.Values.ShouldAllBe(times => times == 1);
    }

    private Task<WorkingHost> HostAsync()
    {
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                await WorkingHost.ExecuteAsync(work!, $"INSERT INTO {Schema}.effect VALUES ({d.Message.Number})");
                return Outcome.Done;
            },
        };
        var pongs = new Script<Pong>
        {
            Act = (d, _, _) =>
            {
                handled.AddOrUpdate(d.Message.Number, 1, (_, times) => times + 1);
                return Task.FromResult(Outcome.Done);
            },
        };
        return WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Handle<Pong, Plain<Pong>>("pongs"), new FrozenNode.Schema(pooled, Schema), services => services.AddSingleton(pings).AddSingleton(pongs));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
