using System.Text.RegularExpressions;
using Shouldly;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Conventions;

namespace Surety.Tests.Postgres;

/// <summary>docs/operations/postgres.md, tried out.</summary>
public sealed partial class OperationsPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations", "postgres.md"));

    [Fact]
    public async Task Every_query_of_the_page_runs()
    {
        await using var fixture = new PostgresFixture();
        await fixture.OpenAsync(new ManualTime());
        await using var connection = await fixture.ConnectAsync();
        var queries = Block()
            .Matches(Page).Select(m => m.Groups["sql"].Value).Where(sql => sql.StartsWith("SELECT", StringComparison.Ordinal)).ToList();
        queries.Count.ShouldBeGreaterThan(5);
        foreach (var query in queries)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = SchemaName().Replace(query, fixture.Schema);
            await using var reader = await command.ExecuteReaderAsync();
            reader.FieldCount.ShouldBePositive(query);
        }
    }

    [Fact]
    public async Task Every_table_and_view_is_explained()
    {
        await using var fixture = new PostgresFixture();
        await fixture.OpenAsync(new ManualTime());
        var server = await PostgresServer.SharedAsync();
        var names = await server.ScalarAsync<string[]>(
            $"SELECT array_agg(relname::text ORDER BY relname) FROM pg_class WHERE relnamespace = '{fixture.Schema}'::regnamespace AND "
                + $"relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname NOT IN ('effect', 'clock')");
        names.Where(name => !Page.Contains($"`{name}`", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_waits_and_what_runs_is_found_wherever_it_is_kept()
    {
        await using var fixture = new PostgresFixture();
        var store = await fixture.OpenAsync(new ManualTime());
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default)).ShouldNotBeNull();
        NewMessage[] messages = [Message(), Message() with { OrderingKey = "key" }];
        await store.Messages.EnqueueAsync(messages, null, default);
        (await CountAsync("What waits")).ShouldBe(2);
        (await store.Messages.ClaimAsync(node, [new QueueDemand("work", 10)], default)).ShouldNotBeNull().Count.ShouldBe(2);
        (await CountAsync("What waits")).ShouldBe(0);
        (await CountAsync("Who runs what")).ShouldBe(2);

        async Task<long> CountAsync(string heading)
        {
            var query = Block().Match(Page, Page.IndexOf(heading, StringComparison.Ordinal)).Groups["sql"].Value.TrimEnd().TrimEnd(';');
            var counted = heading == "What waits" ? "coalesce(sum(waiting), 0)::bigint" : "count(*)";
            return await (await PostgresServer.SharedAsync()).ScalarAsync<long>(
                $"SELECT {counted} FROM ({SchemaName().Replace(query, fixture.Schema)}) AS found");
        }
    }

    [Fact]
    public async Task A_database_restored_into_a_younger_server_is_refused_until_its_messages_are_moved_and_then_none_is_lost()
    {
        await using var fixture = new PostgresFixture();
        var clock = new ManualTime();
        var store = await fixture.OpenAsync(clock);
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromSeconds(15), default)).ShouldNotBeNull();
        await store.Messages.EnqueueAsync([Message(), Message(), Message()], null, default);
        (await store.Messages.ClaimAsync(node, [new QueueDemand("work", 1)], default)).ShouldNotBeNull().Count.ShouldBe(1);

        // As if all this had been written by a server that had seen a billion transactions more.
        var server = await PostgresServer.SharedAsync();
        await server.ExecuteAsync($"""
            UPDATE {fixture.Schema}.segment SET xid = xid + 1000000000;
            UPDATE {fixture.Schema}.claim
                SET xid = xid + 1000000000, lowest_xid = lowest_xid + 1000000000, highest_xid = highest_xid + 1000000000;
            """);
        (await Should.ThrowAsync<StoreException>(() => fixture.OpenAsync(clock))).Message.ShouldContain("Restored from a dump");

        var statements = Block().Match(Page, Page.IndexOf("<!-- restored -->", StringComparison.Ordinal)).Groups["sql"].Value;
        await server.ExecuteAsync(SchemaName().Replace(statements, fixture.Schema));
        var restored = await fixture.OpenAsync(clock);
        await restored.Messages.EnqueueAsync([Message()], null, default);
        clock.Advance(TimeSpan.FromSeconds(16));
        (await restored.Messages.RescueAsync(100, default)).Rescued.ShouldBe(1);
        var heir = (await restored.Nodes.JoinAsync("heir", TimeSpan.FromSeconds(15), default)).ShouldNotBeNull();
        var claimed = new List<ClaimedMessage>();
        while ((await restored.Messages.ClaimAsync(heir, [new QueueDemand("work", 10)], default)).ShouldNotBeNull() is { Count: > 0 } more)
            claimed.AddRange(more);
        claimed.Select(m => m.Claim.Id).Distinct().Count().ShouldBe(4);
        claimed.Count.ShouldBe(4);
    }

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };

    [GeneratedRegex("```sql\n(?<sql>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Block();

    [GeneratedRegex(@"\bsurety\b", RegexOptions.None, 1000)]
    private static partial Regex SchemaName();
}
