using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>
/// A node is stopped in the middle of a handler for longer than its lease, others take over, and it goes on as if nothing had been.
/// </summary>
public sealed class FrozenNodeTests : IAsyncLifetime
{
    private static int made;
    private readonly string schema = $"z{Interlocked.Increment(ref made)}";
    private PostgresServer server = null!;
    private string connectionString = "";

    public async ValueTask InitializeAsync()
    {
        server = await PostgresServer.SharedAsync();
        connectionString = $"{server.ConnectionString};Search Path={schema};Maximum Pool Size=20";
        await server.ExecuteAsync($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.effect (number INTEGER, by TEXT)");
    }

    public async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");

    [Theory]
    [InlineData("plain")]
    [InlineData("transactional")]
    public async Task A_node_that_was_frozen_past_its_lease_and_goes_on_changes_nothing(string handler)
    {
        await using var frozen = FrozenNode.Start(connectionString, schema, handler);
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                if (work is not null) await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({d.Message.Number}, 'heir')");
                return Outcome.Done;
            },
        };
        // First it works alone, then it is frozen with its transaction open, and only then is there somebody else.
        await using var producer = await HostAsync(works: false, handler, pings);
        var id = (await producer.Queue.EnqueueAsync(new Ping(7), new EnqueueOptions { Tracked = true })).Id;
        await frozen.UntilSaysAsync("handling");
        await frozen.FreezeAsync();

        var began = Stopwatch.GetTimestamp();
        await using var heir = await HostAsync(works: true, handler, pings);
        var info = await heir.UntilAsync(id, MessageStatus.Succeeded);
        // The lease, the pause between two looks for dead nodes, and what a busy machine adds.
        Stopwatch.GetElapsedTime(began).ShouldBeLessThan(FrozenNode.Lease + (FrozenNode.Lease / 3) + TimeSpan.FromSeconds(10));
        info.Attempts.Select(a => a.Outcome).ShouldBe([AttemptOutcome.Lost, AttemptOutcome.Done]);
        var before = await RowsAsync(id);

        await frozen.ThawAsync();
        frozen.Go();
        await frozen.UntilSaysAsync("handled");
        await frozen.UntilSaysAsync("stopped");
        (await RowsAsync(id)).ShouldBe(before);
        pings.Seen.Count.ShouldBe(1);
        (await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect WHERE by = 'frozen'")).ShouldBe(0);
        (await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect")).ShouldBe(handler == "plain" ? 0 : 1);
    }

    [Fact]
    public async Task The_server_ends_the_transaction_of_a_node_that_is_frozen_in_it_within_the_handlers_time_limit()
    {
        await server.ExecuteAsync($"CREATE TABLE {schema}.shared (by TEXT); INSERT INTO {schema}.shared VALUES ('nobody')");
        await using var frozen = FrozenNode.Start(connectionString, schema, FrozenNode.Locking);
        await using var producer = await HostAsync(works: false, FrozenNode.Locking, new Script<Ping>());
        await producer.Queue.EnqueueAsync(new Ping(7));
        await frozen.UntilSaysAsync("handling");
        await frozen.FreezeAsync();

        var began = Stopwatch.GetTimestamp();
        // Nobody else is there to presume it dead: it is the server alone that frees the row.
        await producer.ExecuteAsync("UPDATE shared SET by = 'another'").WaitAsync(
            FrozenNode.LockingTimeout + TimeSpan.FromSeconds(5) + TimeSpan.FromSeconds(10));
        Stopwatch.GetElapsedTime(began).ShouldBeGreaterThan(FrozenNode.LockingTimeout, "the row was never locked, and this shows nothing");

        await frozen.ThawAsync();
        frozen.Go();
        await frozen.UntilSaysAsync("stopped");
        (await server.ScalarAsync<string>($"SELECT by FROM {schema}.shared")).ShouldBe("another");
        (await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect")).ShouldBe(0);
    }

    private Task<WorkingHost> HostAsync(bool works, string handler, Script<Ping> pings) => WorkingHost.StartAsync(
        s => (handler == "plain" ? s.Handle<Ping, Plain<Ping>>() : s.HandleInTransaction<Ping, InTransaction<Ping>>()).Configure(
            o => (o.Work, o.NodeLease) = (works, FrozenNode.Lease)),
        new FrozenNode.Schema(connectionString, schema), services => services.AddSingleton(pings));

    /// <summary>The message, its history and the version of each row: whoever writes them again, even the same, shows.</summary>
    private async Task<string> RowsAsync(MessageId id) =>
        await server.ScalarAsync<string>(
            $"SELECT (SELECT string_agg(m.xmin || m::text, '|') FROM {schema}.message m WHERE id = {id.Value}) || (SELECT "
                + $"string_agg(a.xmin || a::text, '|') FROM {schema}.attempt a WHERE message_id = {id.Value})");
}
