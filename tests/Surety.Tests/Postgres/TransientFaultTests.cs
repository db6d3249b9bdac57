using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Surety.Hosting;
using Surety.Postgres.Hosting;
using Surety.Storage;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>A server of its own, with few connections, that comes to no good in every way a server can.</summary>
public sealed class TroubledServer : IAsyncLifetime
{
    private static int schemas;

    internal PostgresServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Server = await PostgresServer.StartAsync("max_connections = 40", "deadlock_timeout = 100ms");

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();

    /// <summary>A store in a schema of its own.</summary>
    internal async Task<PostgresStore> OpenAsync(string more = "")
    {
        var store = new PostgresStore($"{Server.ConnectionString};Maximum Pool Size=10{more}", TimeProvider.System, new PostgresOptions
        {
            Schema = $"f{Interlocked.Increment(ref schemas)}",
        });
        await store.OpenAsync(default);
        return store;
    }
}

/// <summary>
/// What passes by itself is tried again where that is safe and said to be passing where it is not; nothing is lost either way, and no
/// process has to be restarted for it.
/// </summary>
public sealed class TransientFaultTests(TroubledServer troubled) : IClassFixture<TroubledServer>
{
    private PostgresServer Server => troubled.Server;

    [Fact]
    public async Task Transactions_that_wait_for_each_other_are_run_again()
    {
        await using var store = await troubled.OpenAsync();
        var before = await Server.ScalarAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'");
        for (var round = 0; round < 20; round++)
        {
            NewMessage[] forth = [.. Enumerable.Range(0, 20).Select(i => Message() with { UniqueKey = $"{round}-{i}" })];
            NewMessage[] back = [.. forth.Reverse()];
            var both = await Task.WhenAll(
                store.Messages.EnqueueAsync(forth, null, default).AsTask(), store.Messages.EnqueueAsync(back, null, default).AsTask());
            both.SelectMany(b => b).Count(e => !e.IsDuplicate).ShouldBe(20);
        }

        await WorkingHost.UntilAsync(async () => await Server.ScalarAsync<long>(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'") > before, () => "there was no deadlock");
    }

    [Fact]
    public async Task A_conflict_of_serializable_transactions_is_run_again()
    {
        await using var store = await troubled.OpenAsync();
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default))!.Value;
        // A host refuses such a server at its start; somebody may change it later.
        await Server.ScalarAsync<object>("ALTER ROLE surety SET default_transaction_isolation = 'serializable'");
        try
        {
            await CutAsync();
            await Task.WhenAll(BeatAsync(), BeatAsync());
        }
        finally
        {
            await Server.ScalarAsync<object>("ALTER ROLE surety RESET default_transaction_isolation");
            await CutAsync();
        }

        async Task BeatAsync()
        {
            for (var i = 0; i < 50; i++) (await store.Nodes.HeartbeatAsync(node, TimeSpan.FromMinutes(1), default)).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Reads_and_transactions_go_on_over_connections_that_were_cut()
    {
        await using var store = await troubled.OpenAsync();
        for (var round = 0; round < 10; round++)
        {
            var id = (await EnqueueUntilKnownAsync(store))[0].Id;
            // Often enough to be prepared: on the next connection nothing is.
            for (var i = 0; i < 6; i++) await store.Messages.FindAsync(id, default);
            await CutAsync();
            (await store.Messages.FindAsync(id, default))!.Id.ShouldBe(id);
            await CutAsync();
            (await store.Messages.CancelAsync(id, "no longer wanted", null, default)).ShouldBe(CancelAnswer.Cancelled);
        }
    }

    [Fact]
    public async Task An_enqueue_whose_connection_is_cut_is_in_doubt_and_no_success_is_lost()
    {
        await using var store = await troubled.OpenAsync();
        var (told, doubts) = (new List<MessageId>(), 0);
        for (var round = 0; round < 20; round++)
        {
            var enqueues = Enumerable.Range(0, 5).Select(_ => store.Messages.EnqueueAsync([Message()], null, default).AsTask()).ToList();
            await CutAsync();
            foreach (var enqueue in enqueues)
            {
                try
                {
                    told.Add((await enqueue)[0].Id);
                }
                catch (StoreException e)
                {
                    (e.IsTransient, e.InDoubt).ShouldBe((true, true), e.Message);
                    doubts++;
                }
            }
        }

        var stored = (await store.Messages.ListAsync(new MessageFilter { Limit = 1000 }, default)).Items.Select(i => i.Id).ToHashSet();
        told.ShouldBeSubsetOf(stored);
        stored.Count.ShouldBeLessThanOrEqualTo(told.Count + doubts);
    }

    [Fact]
    public async Task A_server_that_turned_read_only_is_not_ready_and_loses_nothing()
    {
        await using var store = await troubled.OpenAsync();
        try
        {
            await ReadOnlyAsync("on");
            var failure = await Should.ThrowAsync<StoreException>(
                async () => await store.Messages.EnqueueAsync([Message()], null, default));
            (failure.IsTransient, failure.InDoubt).ShouldBe((true, false));
            failure.Message.ShouldContain("read-only");
            var status = await store.CheckAsync(default);
            status.Ready.ShouldBeFalse();
            status.Detail.ShouldContain("read-only");
        }
        finally
        {
            await ReadOnlyAsync("off");
        }

        await store.Messages.EnqueueAsync([Message()], null, default);
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_that_is_still_starting_is_waited_for()
    {
        await using var store = await troubled.OpenAsync();
        await Server.StopAsync("fast");
        await Server.BeginStartingAsync();
        var failure = await Should.ThrowAsync<StoreException>(async () => await store.Messages.EnqueueAsync([Message()], null, default));
        failure.IsTransient.ShouldBeTrue();
        failure.Message.ShouldContain("57P03");
        (await store.CheckAsync(default)).Ready.ShouldBeFalse();
        await Server.EndStartingAsync();
        await EnqueueUntilKnownAsync(store);
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
    }

    [Fact]
    public async Task A_server_without_free_connections_is_waited_for()
    {
        await using var store = await troubled.OpenAsync(";Pooling=False");
        var others = new List<NpgsqlConnection>();
        try
        {
            await WorkingHost.UntilAsync(async () =>
            {
                var other = new NpgsqlConnection(Server.ConnectionString + ";Pooling=False");
                try
                {
                    await other.OpenAsync();
                    others.Add(other);
                    return false;
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.TooManyConnections)
                {
                    return true;
                }
            });
            var failure = await Should.ThrowAsync<StoreException>(
                async () => await store.Messages.EnqueueAsync([Message()], null, default));
            (failure.IsTransient, failure.InDoubt).ShouldBe((true, false));
            failure.Message.ShouldContain("max_connections");
        }
        finally
        {
            foreach (var other in others) await other.DisposeAsync();
        }

        await EnqueueUntilKnownAsync(store);
    }

    [Fact]
    public async Task A_host_outlives_a_restart_of_its_database_and_says_while_it_is_away_that_it_is_not_ready()
    {
        var pings = new Script<Ping> { Act = (_, _, _) => Task.FromResult(Outcome.Done) };
        await using var place = new SchemaPlace(Server);
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>(), place, services => services.AddSingleton(pings));
        await host.UntilGoneAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id);
        var waiting = (await host.Queue.EnqueueAsync(new Ping(2), new EnqueueOptions { Delay = TimeSpan.FromSeconds(1) })).Id;
        await Server.StopAsync();
        await WorkingHost.UntilAsync(() => Task.FromResult(host.Get<SuretyHealth>().Problems.Any()));
        (await host.Get<IStore>().CheckAsync(default)).Ready.ShouldBeFalse();
        await Server.BeginAsync();
        await host.UntilGoneAsync(waiting);
        await WorkingHost.UntilAsync(() => Task.FromResult(!host.Get<SuretyHealth>().Problems.Any()));
        pings.Seen.Select(d => d.Message.Number).ShouldBe([1, 2]);
        pings.Seen.ShouldAllBe(d => d.Attempt == 1);
    }

    [Fact]
    public async Task A_transactional_handler_whose_connection_is_cut_spends_no_attempt()
    {
        var cut = false;
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                await WorkingHost.ExecuteAsync(work!, $"INSERT INTO effect VALUES ({d.Message.Number})");
                if (!cut)
                {
                    cut = true;
                    await CutAsync();
                    await WorkingHost.ExecuteAsync(work!, "SELECT 1");
                }

                return Outcome.Done;
            },
        };
        await using var place = new SchemaPlace(Server);
        await using var host = await WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>(), place, services => services.AddSingleton(pings));
        await host.ExecuteAsync("CREATE TABLE effect (number INTEGER)");
        var info = await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(7), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Succeeded);
        (info.Attempt, info.Deaths).ShouldBe((1, 0));
        (await host.ScalarAsync("SELECT count(*) FROM effect")).ShouldBe(1);
        pings.Seen.Count.ShouldBe(2);
    }

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };

    private Task CutAsync() => Server.ExecuteAsync(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");

    private async Task ReadOnlyAsync(string value)
    {
        await Server.ExecuteAsync($"ALTER SYSTEM SET default_transaction_read_only = {value}");
        await Server.ExecuteAsync("SELECT pg_reload_conf()");
        await WorkingHost.UntilAsync(async () => await Server.ScalarAsync<string>("SHOW default_transaction_read_only") == value);
    }

    /// <summary>As a client does who was told to come back.</summary>
    private static async Task<IReadOnlyList<Enqueued>> EnqueueUntilKnownAsync(PostgresStore store)
    {
        IReadOnlyList<Enqueued>? enqueued = null;
        await WorkingHost.UntilAsync(async () =>
        {
            try
            {
                enqueued = await store.Messages.EnqueueAsync([Message()], null, default);
                return true;
            }
            catch (StoreException e) when (e.IsTransient)
            {
                return false;
            }
        });
        return enqueued!;
    }

    private sealed class SchemaPlace(PostgresServer server) : Place
    {
        private readonly string schema = $"h{Interlocked.Increment(ref schemas)}";

        public override void Use(SuretyBuilder surety) =>
            surety.UsePostgres($"{server.ConnectionString};Search Path={schema};Maximum Pool Size=10", options => options.Schema = schema);

        public override async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
    }

    private static int schemas;
}
