using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Rigs;
using Surety.Storage;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>PgBouncer in transaction mode between two hosts and the server.</summary>
public sealed class PoolerTests : IAsyncLifetime
{
    private const string Schema = "pooled";
    private readonly ConcurrentDictionary<int, int> handled = new();
    private PostgresServer server = null!;
    private Pooler pooler = null!;
    private string folder = "";

    public async ValueTask InitializeAsync()
    {
        server = await PostgresServer.SharedAsync();
        folder = Directory.CreateTempSubdirectory("surety-pooler-").FullName;
        pooler = await server.StartPoolerAsync(Path.Combine(folder, "pooler"));
    }

    public async ValueTask DisposeAsync()
    {
        await pooler.DisposeAsync();
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
        await WorkingHost.UntilAsync(async () => handled.Count == 200
            && await one.ScalarAsync($"SELECT count(*) FROM {Schema}.effect") == 200, () => $"{handled.Count} pongs were handled");
        (await one.ScalarAsync($"SELECT count(DISTINCT number) FROM {Schema}.effect")).ShouldBe(200);
        handled.Values.ShouldAllBe(times => times == 1);
    }

    [Fact]
    public async Task A_transactions_time_limit_holds_behind_PgBouncer_too()
    {
        await using var host = await HostAsync();
        await using var work = await host.Database.BeginAsync();
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, "SHOW idle_in_transaction_session_timeout");
        (await command.ExecuteScalarAsync()).ShouldBe("305s");
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
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Handle<Pong, Plain<Pong>>("pongs"), new FrozenNode.Schema(
                $"{pooler.ConnectionString};Maximum Pool Size=20", Schema), services => services.AddSingleton(pings).AddSingleton(pongs));
    }
}
