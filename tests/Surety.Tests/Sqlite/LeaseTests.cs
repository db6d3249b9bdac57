using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.StoreContract;
using Surety.Tests.Processing;

namespace Surety.Tests.Sqlite;

/// <summary>The worker's lease, where the only write lock may be somebody else's for longer than that, and clocks jump.</summary>
public sealed class LeaseTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(1);
    private readonly Script<Ping> pings = new();
    private readonly Script<Pong> pongs = new();

    [Fact]
    public async Task A_transaction_longer_than_the_lease_makes_nobody_presumed_dead()
    {
        var (running, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        pongs.Act = async (_, _, cancel) =>
        {
            running.TrySetResult();
            await finish.Task.WaitAsync(cancel);
            return Outcome.Done;
        };
        pings.Act = async (_, _, cancel) =>
        {
            // The work takes this long; there is nothing else to wait for.
            await Task.Delay(Lease * 3, cancel);
            return Outcome.Done;
        };
        await using var host = await StartAsync(TimeProvider.System);
        var bystander = (await host.Queue.EnqueueAsync(new Pong(1), Tracked)).Id;
        await running.Task;
        var slow = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;

        (await host.UntilAsync(slow, MessageStatus.Succeeded)).Deaths.ShouldBe(0);
        finish.SetResult();
        (await host.UntilAsync(bystander, MessageStatus.Succeeded)).Deaths.ShouldBe(0);
        pings.Seen.ShouldHaveSingleItem();
        pongs.Seen.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_clock_that_jumps_ahead_makes_nobody_presumed_dead()
    {
        var (running, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        pongs.Act = async (_, _, cancel) =>
        {
            running.TrySetResult();
            await finish.Task.WaitAsync(cancel);
            return Outcome.Done;
        };
        var clock = new ShiftedTime();
        await using var host = await StartAsync(clock);
        var id = (await host.Queue.EnqueueAsync(new Pong(1), Tracked)).Id;
        await running.Task;
        for (var jump = 0; jump < 10; jump++)
        {
            var before = await LeaseUntilAsync();
            clock.Jump(TimeSpan.FromDays(365));
            // Two heartbeats, the worker's and the upkeep's: whoever looks after the jump has looked.
            for (var beat = 0; beat < 2; beat++, before = await LeaseUntilAsync())
                await WorkingHost.UntilAsync(async () => await LeaseUntilAsync() > before);
        }

        finish.SetResult();
        (await host.UntilAsync(id, MessageStatus.Succeeded)).Deaths.ShouldBe(0);
        pongs.Seen.ShouldHaveSingleItem();

        Task<long> LeaseUntilAsync() => host.ScalarAsync("SELECT coalesce(max(lease_until), 0) FROM surety_node");
    }

    [Fact]
    public async Task A_clock_that_jumps_between_a_heartbeat_and_a_rescue_makes_nobody_presumed_dead()
    {
        await using var file = new DatabaseFile();
        var clock = new ShiftedTime();
        await using var store = SqliteStore.Create(file.Path, clock);
        await store.OpenAsync(default);
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default)).ShouldNotBeNull();
        (await store.Nodes.HeartbeatAsync(node, TimeSpan.FromMinutes(1), default)).ShouldBeTrue();
        clock.Jump(TimeSpan.FromDays(365));
        (await store.Messages.RescueAsync(10, default)).Nodes.ShouldBeEmpty();
        (await store.Nodes.HeartbeatAsync(node, TimeSpan.FromMinutes(1), default)).ShouldBeTrue();
    }

    private static readonly EnqueueOptions Tracked = new() { Tracked = true };

    private Task<WorkingHost> StartAsync(TimeProvider time) => WorkingHost.StartAsync(
        s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Handle<Pong, Plain<Pong>>().Configure(o => o.NodeLease = Lease),
        services: services => services.AddSingleton(pings).AddSingleton(pongs).AddSingleton(time));
}
