using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Tests.Postgres;

/// <summary>Which node is called, and what becomes of a call that its node cannot answer.</summary>
public sealed class WorkCallTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static int made;
    private readonly string schema = $"calls{Interlocked.Increment(ref made)}";
    private readonly List<PostgresStore> stores = [];
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> heard = [];
    private NpgsqlConnection connection = null!;

    public async ValueTask InitializeAsync()
    {
        connection = new NpgsqlConnection((await PostgresServer.SharedAsync()).ConnectionString);
        await connection.OpenAsync();
        connection.Notification += (_, call) => heard.Enqueue(call.Payload);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in stores) await store.DisposeAsync();
        await RunAsync($"DROP SCHEMA {schema} CASCADE");
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task A_node_without_room_passes_its_call_on_to_the_next()
    {
        await NodesAsync(2);
        // Nobody looks here: as a worker whose lanes are full.
        await RunAsync($"LISTEN {schema}");
        var call = await PassedOnAsync(1, () => RunAsync($"NOTIFY {schema}, 'producer 36000000000 0'"));
        call.Hops.ShouldBe(1);
    }

    [Fact]
    public async Task A_node_that_took_as_much_as_it_has_room_for_calls_the_next()
    {
        var first = (await NodesAsync(2))[0];
        await stores[0].Messages.EnqueueAsync([.. Enumerable.Repeat(Message(), 200)], null, default);
        await RunAsync($"LISTEN {schema}");
        var call = await PassedOnAsync(1, async () => await stores[0].Messages.ClaimAsync(first, [new QueueDemand("work", 1)], default));
        call.Hops.ShouldBe(1);
    }

    [Fact]
    public async Task What_a_process_commits_for_a_queue_that_it_does_not_work_calls_another_node_though_it_looks_itself()
    {
        var first = (await NodesAsync(2))[0];
        await RunAsync($"LISTEN {schema}");
        var call = await HeardAsync(call => call.Hops == 0, async () =>
        {
            await stores[0].Messages.EnqueueAsync([Message() with { Queue = "elsewhere" }], null, default);
            (await stores[0].Messages.ClaimAsync(first, [new QueueDemand("work", 1)], default)).ShouldBeEmpty();
        });
        call.Number.ShouldBeGreaterThan(1_000_000);
    }

    [Fact]
    public async Task Every_waiter_looks_sooner_or_later_though_one_is_called()
    {
        var nodes = await NodesAsync(3);
        var producer = await StoreAsync();
        for (var i = 0; i < 3; i++) (await ClaimAsync(i)).ShouldBeEmpty();
        var waiting = Task.WhenAll(
            stores.Take(3).Select(s => s.Messages.WaitForWorkAsync(["work"], TimeSpan.FromHours(1), default).AsTask()));
        await producer.Messages.EnqueueAsync([Message()], null, default);
        await waiting.WaitAsync(Patience);
        var claimed = 0;
        for (var i = 0; i < 3; i++) claimed += (await ClaimAsync(i)).Count;
        claimed.ShouldBe(1);

        async Task<IReadOnlyList<ClaimedMessage>> ClaimAsync(int i) =>
            (await stores[i].Messages.ClaimAsync(nodes[i], [new QueueDemand("work", 1)], default)).ShouldNotBeNull();
    }

    private Task<WorkCall> PassedOnAsync(int number, Func<Task> cause) =>
        HeardAsync(call => call.Hops > 0 && call.Number == number, cause);

    /// <summary>A call is lost while the store does not listen yet, so the cause is repeated until one is heard.</summary>
    private async Task<WorkCall> HeardAsync(Predicate<WorkCall> isWanted, Func<Task> cause)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            await cause();
            using var soon = CancellationTokenSource.CreateLinkedTokenSource(limit.Token);
            soon.CancelAfter(TimeSpan.FromMilliseconds(500));
            try
            {
                while (true)
                {
                    while (heard.TryDequeue(out var payload))
                    {
                        if (WorkCall.Read(payload) is { } call && isWanted(call)) return call;
                    }

                    await connection.WaitAsync(soon.Token);
                }
            }
            catch (OperationCanceledException) when (!limit.IsCancellationRequested)
            {
            }
        }
    }

    private async Task<List<NodeId>> NodesAsync(int count)
    {
        var nodes = new List<NodeId>();
        for (var i = 0; i < count; i++) nodes.Add((await (await StoreAsync()).Nodes.JoinAsync($"node {i}", Lease, default))!.Value);
        for (var i = 0; i < count; i++)
        {
            (await stores[i].Nodes.HeartbeatAsync(nodes[i], Lease, default)).ShouldBeTrue();
            stores[i].Hints.Rank.ShouldBe(new NodeRank(i, count));
        }

        return nodes;
    }

    private async Task<PostgresStore> StoreAsync()
    {
        var server = await PostgresServer.SharedAsync();
        var store = new PostgresStore(server.ConnectionString, TimeProvider.System, new PostgresOptions { Schema = schema });
        stores.Add(store);
        await store.OpenAsync(default);
        return store;
    }

    private async Task RunAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static NewMessage Message() => new() { Kind = "k", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };
}
