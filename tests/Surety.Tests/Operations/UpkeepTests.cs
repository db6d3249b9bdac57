using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.Storage;
using Surety.Tests.Processing;

namespace Surety.Tests.Operations;

public sealed class UpkeepTests
{
    [Fact]
    public async Task A_dead_process_messages_are_handed_back_at_once_even_when_the_node_joins_in_the_middle_of_a_turn()
    {
        await using var place = new SqlitePlace();
        var id = await LeaveBehindAsync(place.Path);
        var pings = new Script<Ping>();
        var (counting, joined) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var host = await WorkingHost.StartAsync(
            // A third of this is how long it would take if the turn after the join were an ordinary one.
            s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.NodeLease = TimeSpan.FromMinutes(10)),
            place,
            services =>
            {
                services.AddSingleton(pings);
                services.AddSingleton<INodeStore>(p => new Joining(p.GetRequiredService<SqliteStore>().Nodes, counting.Task, joined));
                services.AddSingleton<IQueues>(p => new CountingAfter(p.GetRequiredService<SqliteStore>().Queues, counting, joined.Task));
            });
        await host.UntilGoneAsync(id);
        pings.Seen.ShouldHaveSingleItem().Attempt.ShouldBe(1);
    }

    [Theory]
    [InlineData(30, false)]
    [InlineData(0, true)]
    public async Task A_key_that_ended_is_kept_as_long_as_the_host_says(int days, bool isKept)
    {
        await using var place = new SqlitePlace();
        await using (var store = SqliteStore.Create(place.Path, TimeProvider.System))
        {
            await store.OpenAsync(default);
            foreach (var (prefix, ended) in new[] { ("long-ago", 31), ("lately", 29) })
                await store.ApiKeys.AddAsync(
                    new() { Prefix = prefix, Digest = new byte[32], Principal = "p",
                    Scopes = [], CreatedAt = DateTimeOffset.UnixEpoch, ExpiresAt = DateTimeOffset.UtcNow.AddDays(-ended) }, default);
        }

        var pruned = new TaskCompletionSource();
        await using var host = await WorkingHost.StartAsync(
            s => s.Configure(o => o.KeepEndedKeys = TimeSpan.FromDays(days)), place, services =>
                services.AddSingleton<IQuotaStore>(p => new PrunedAfterKeys(p.GetRequiredService<SqliteStore>().Quotas, pruned)));
        await pruned.Task.WaitAsync(TimeSpan.FromSeconds(20));
        (await host.Get<IApiKeyStore>().ListAsync(null, null, 10, default))
            .Select(k => k.Prefix).ShouldBe(isKept ? ["long-ago", "lately"] : ["lately"], ignoreOrder: true);
        // It stays so, whatever its clock says later.
        (await host.ScalarAsync("SELECT count(*) FROM surety_api_key WHERE expired = 0")).ShouldBe(0);
    }

    /// <summary>A message that a process held when it died.</summary>
    private static async Task<MessageId> LeaveBehindAsync(string path)
    {
        await using var store = SqliteStore.Create(path, TimeProvider.System);
        await store.OpenAsync(default);
        var message = new NewMessage { Kind = "test.ping", Version = 1, Queue = "default", Body = """{"number":1}"""u8.ToArray() };
        var id = (await store.Messages.EnqueueAsync([message], null, default))[0].Id;
        var node = (await store.Nodes.JoinAsync("doomed", TimeSpan.FromMinutes(10), default)).ShouldNotBeNull();
        (await store.Messages.ClaimAsync(node, [new QueueDemand("default", 1)], default))!.Count.ShouldBe(1);
        return id;
    }

    private sealed class Joining(INodeStore real, Task counting, TaskCompletionSource joined) : INodeStore
    {
        public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
        {
            await counting.WaitAsync(cancel);
            var node = await real.JoinAsync(name, lease, cancel);
            joined.TrySetResult();
            return node;
        }

        public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) =>
            real.HeartbeatAsync(node, lease, cancel);

        public ValueTask LeaveAsync(NodeId node, CancellationToken cancel) => real.LeaveAsync(node, cancel);
    }

    private sealed class CountingAfter(IQueues real, TaskCompletionSource counting, Task joined) : IQueues
    {
        public async ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancellationToken = default)
        {
            counting.TrySetResult();
            await joined.WaitAsync(cancellationToken);
            // The worker notes its node right after this; a few turns of the pool are enough, and too few only make the test easier to
            // pass.
            for (var i = 0; i < 100; i++) await Task.Yield();
            return await real.ListAsync(cancellationToken);
        }

        public ValueTask PauseAsync(string queue, string reason, CancellationToken cancellationToken = default) =>
            real.PauseAsync(queue, reason, cancellationToken);

        public ValueTask ResumeAsync(string queue, CancellationToken cancellationToken = default) =>
            real.ResumeAsync(queue, cancellationToken);
    }

    private sealed class PrunedAfterKeys(IQuotaStore real, TaskCompletionSource pruned) : IQuotaStore
    {
        public ValueTask<LeasedPermits> LeaseAsync(
            ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel) =>
            real.LeaseAsync(key, want, permits, window, cancel);

        public async ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken)
        {
            var count = await real.PruneAsync(limit, cancellationToken);
            pruned.TrySetResult();
            return count;
        }
    }
}
