using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Postgres.Segments;
using Surety.Postgres.Wakeups;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Postgres;

/// <summary>
/// What the contract of all stores does not say of the segments: what a claim reads, what it leaves for later, and how their room comes
/// back.
/// </summary>
public sealed class SegmentTests : IAsyncLifetime
{
    private static int made;
    private readonly string schema = $"segments{Interlocked.Increment(ref made)}";
    private string connectionString = "";
    private PostgresStore store = null!;
    private NodeId node;

    public async ValueTask InitializeAsync()
    {
        connectionString = (await PostgresServer.SharedAsync()).ConnectionString;
        store = new PostgresStore(connectionString, TimeProvider.System, new PostgresOptions { Schema = schema });
        await store.OpenAsync(default);
        node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(5), default))!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        await RunAsync($"DROP SCHEMA {schema} CASCADE");
    }

    [Fact]
    public async Task A_heartbeat_tells_a_nodes_place_among_those_that_are_alive()
    {
        var lease = TimeSpan.FromMinutes(5);
        store.Hints.Rank.ShouldBe(NodeRank.Alone);
        var other = (await store.Nodes.JoinAsync("other", lease, default))!.Value;
        store.Hints.Rank.ShouldBe(new NodeRank(1, 2));
        (await store.Nodes.HeartbeatAsync(node, lease, default)).ShouldBeTrue();
        store.Hints.Rank.ShouldBe(new NodeRank(0, 2));

        await store.Nodes.LeaveAsync(other, default);
        (await store.Nodes.HeartbeatAsync(other, lease, default)).ShouldBeFalse();
        (await store.Nodes.HeartbeatAsync(node, lease, default)).ShouldBeTrue();
        store.Hints.Rank.ShouldBe(NodeRank.Alone);
    }

    /// <summary>Those that differ in nothing but headers and body have a statement of their own.</summary>
    [Theory]
    [InlineData("nothing")]
    [InlineData("queue")]
    [InlineData("priority")]
    [InlineData("kind")]
    [InlineData("version")]
    public async Task Messages_of_one_call_keep_what_each_was_given(string differs)
    {
        var one = new NewMessage
        {
            Kind = "k", Version = 1, Queue = "work", Body = "1"u8.ToArray(), Headers = new Dictionary<string, string> { ["h"] = "1" },
        };
        var other = one with { Body = "2"u8.ToArray(), Headers = new Dictionary<string, string> { ["h"] = "2" } };
        var last = (differs switch
        {
            "queue" => one with { Queue = "other" },
            "priority" => one with { Priority = Priority.High },
            "kind" => one with { Kind = "l" },
            "version" => one with { Version = 2 },
            _ => one,
        }) with { Body = "3"u8.ToArray(), Headers = new Dictionary<string, string>() };
        var ids = (await store.Messages.EnqueueAsync([one, other, last], null, default)).Select(e => e.Id.Value).ToArray();
        ids.ShouldBeInOrder();

        var claimed = (await store.Messages.ClaimAsync(node, [new QueueDemand("work", 10), new QueueDemand("other", 10)], default))!;
        claimed.OrderBy(m => m.Claim.Id.Value).Select(Described).ShouldBe(new[] { one, other, last }.Zip(
            ids, (m, id) => $"{id} {m.Queue} {m.Kind} {m.Version} {System.Text.Encoding.UTF8.GetString(m.Body.Span)} {Of(m.Headers)}"));
        if (differs == "priority") claimed[0].Claim.Id.Value.ShouldBe(ids[2]);

        static string Described(ClaimedMessage m) =>
            $"{m.Claim.Id.Value} {m.Queue} {m.Kind} {m.Version} {System.Text.Encoding.UTF8.GetString(m.Body.Span)} {Of(m.Headers)}";

        static string Of(IReadOnlyDictionary<string, string> headers) => string.Join(',', headers.Select(h => $"{h.Key}={h.Value}"));
    }

    [Fact]
    public async Task A_claim_reads_no_more_of_a_backlog_than_it_hands_out()
    {
        await EnqueueAsync(5000);
        await ClaimAsync(50);
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var claim = new NpgsqlCommand(
            $"SELECT count(*) FROM {schema}.claim_messages({node.Value}, 1000000, '{{work}}', '{{50}}', '{{false}}', 65536, -1)",
            connection)) (await claim.ExecuteScalarAsync()).ShouldBe(50L);
        await using var read = new NpgsqlCommand(
            $"SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0)::bigint FROM pg_stat_xact_user_tables WHERE schemaname = '{schema}' "
                + $"AND relname LIKE 'segment%'", connection);
        ((long)(await read.ExecuteScalarAsync())!).ShouldBeLessThan(100);
    }

    [Fact]
    public async Task A_slow_transaction_holds_up_nobody_and_its_messages_come_when_it_has_committed()
    {
        await using var slow = await store.Database.BeginAsync();
        var late = await EnqueueAsync(3, slow.Transaction);
        var quick = await EnqueueAsync(3);
        (await ClaimAsync(10)).ShouldBe(quick);
        var after = await EnqueueAsync(2);
        await slow.CommitAsync();
        (await ClaimAsync(10)).ShouldBe([.. late, .. after]);
        (await ClaimAsync(10)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_waits_to_settle_a_message_that_another_transaction_is_just_settling_or_taking_out_is_refused(bool settles)
    {
        await EnqueueAsync(2);
        var claimed = await ClaimedAsync(2);
        // Each in a flow of its own, as two callers would.
        async Task<OwnedUnitOfWork> BeginAsync() => await store.Database.BeginAsync();
        await using var first = await BeginAsync();
        if (settles)
        {
            (await store.Messages.SettleAsync([.. claimed.Select(m => m.Done())], first.Transaction, default)).ShouldBe([true, true]);
        }
        else
        {
            await using var takeOut = new NpgsqlCommand(
                $"SELECT {schema}.take_out(segment, node, number, NULL) FROM {schema}.claim",
                (NpgsqlConnection)first.Connection, (NpgsqlTransaction)first.Transaction);
            (await takeOut.ExecuteScalarAsync()).ShouldBe(2);
        }

        await using var second = await BeginAsync();
        var waiting = store.Messages.SettleAndCommitAsync([claimed[0].Done()], second, default).AsTask();
        await Processing.WorkingHost.UntilAsync(
            async () => (long)(await ScalarAsync("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))! == 1);
        await first.CommitAsync();
        (await waiting).ShouldBe([false]);
        ((long)(await ScalarAsync($"SELECT {schema}.segment_done(0::smallint)"))!).ShouldBe(2);
    }

    [Fact]
    public async Task A_late_transaction_larger_than_a_claim_is_handed_out_bit_by_bit()
    {
        await using var slow = await store.Database.BeginAsync();
        var late = await EnqueueAsync(25, slow.Transaction);
        var quick = await EnqueueAsync(1);
        (await ClaimAsync(10)).ShouldBe(quick);
        await slow.CommitAsync();
        var got = new List<long>();
        while (await ClaimAsync(10) is { Length: > 0 } more) got.AddRange(more);
        got.ShouldBe(late);
    }

    [Fact]
    public async Task A_backlog_of_messages_that_are_kept_starves_no_plain_one()
    {
        NewMessage[] kept = [.. Enumerable.Range(0, 10).Select(_ => new NewMessage
        {
            Kind = "k", Version = 1, Queue = "work", Body = "{}"u8.ToArray(), Tracked = true,
        })];
        await store.Messages.EnqueueAsync(kept, null, default);
        var plain = (await EnqueueAsync(1))[0];
        for (var claims = 0; ; claims++)
        {
            claims.ShouldBeLessThan(10);
            await store.Messages.EnqueueAsync(kept, null, default);
            if ((await ClaimAsync(5)).Contains(plain)) return;
        }
    }

    [Fact]
    public async Task What_was_claimed_is_handed_out_even_when_the_rest_of_the_claim_fails()
    {
        var kept = (await store.Messages.EnqueueAsync(
            [new NewMessage { Kind = "k", Version = 1, Queue = "work", Body = "{}"u8.ToArray(), Tracked = true }],
            null, default))[0].Id.Value;
        await RunAsync($"ALTER FUNCTION {schema}.claim_messages RENAME TO away");
        (await ClaimAsync(10)).ShouldBe([kept]);
        await Should.ThrowAsync<StoreException>(() => ClaimAsync(10));
    }

    [Fact]
    public async Task What_a_transaction_enqueued_and_cancelled_itself_never_runs()
    {
        await using (var work = await store.Database.BeginAsync())
        {
            var ids = await EnqueueAsync(2, work.Transaction);
            (await store.Messages.CancelAsync(new MessageId(ids[0]), "a mistake", work.Transaction, default)).ShouldBe(
                CancelAnswer.Cancelled);
            await work.CommitAsync();
            (await ClaimAsync(10)).ShouldBe([ids[1]]);
        }
    }

    [Fact]
    public async Task Large_bodies_arrive_whole_and_a_claim_of_many_is_cut_where_a_frozen_reader_would_block_the_queue()
    {
        var bodies = Enumerable.Range(0, 6).Select(i => Enumerable.Repeat((byte)i, 200_000).ToArray()).ToArray();
        await store.Messages.EnqueueAsync(
            [.. bodies.Select(b => new NewMessage { Kind = "large", Version = 1, Queue = "work", Body = b })], null, default);
        var first = (await store.Messages.ClaimAsync(node, [new QueueDemand("work", 100)], default))!;
        first.Count.ShouldBeInRange(1, 4);
        var rest = new List<ClaimedMessage>(first);
        while ((await store.Messages.ClaimAsync(node, [new QueueDemand("work", 100)], default))! is { Count: > 0 } more)
            rest.AddRange(more);
        rest.Select(m => m.Body.ToArray()).ShouldBe(bodies);
    }

    [Fact]
    public async Task Segments_whose_messages_have_left_are_used_again_and_a_paused_queue_does_not_hold_them_up()
    {
        store.Segments.SegmentBytes = 64 * 1024;
        await store.Messages.EnqueueAsync(
            [new NewMessage { Kind = "k", Version = 1, Queue = "paused", Body = "{}"u8.ToArray() }], null, default);
        var segments = new HashSet<long>();
        // The claims of the first round are long past by the clock that says what stands still.
        for (var round = 0; round < 12; round++)
        {
            await EnqueueAsync(400);
            await store.Messages.SettleAsync([.. (await ClaimedAsync(400)).Select(m => m.Done())], null, default);
            await RunAsync($"UPDATE {schema}.claim SET claimed_at = claimed_at - interval '1 hour'");
            for (var turn = 0; turn < 3; turn++) await store.Segments.RotateAsync(default);
            segments.Add((long)(await ScalarAsync($"SELECT last_value FROM {schema}.segment_newest"))!);
        }

        segments.Count.ShouldBe(4);
        ((long)(await ScalarAsync($"SELECT pg_total_relation_size('{schema}.segment_0') + pg_total_relation_size('{schema}.segment_1')"))!)
            .ShouldBeLessThan(2_000_000);
        (await store.Messages.ClaimAsync(node, [new QueueDemand("paused", 10)], default))!.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_reader_keeps_a_segment_from_being_used_again_until_it_ends()
    {
        store.Segments.SegmentBytes = 1;
        for (var round = 0; round < 4; round++)
        {
            await EnqueueAsync(1);
            await store.Messages.SettleAsync([.. (await ClaimedAsync(1)).Select(m => m.Done())], null, default);
            if (round < 3) (await store.Segments.RotateAsync(default)).ShouldBeTrue();
        }

        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using (var reader = await connection.BeginTransactionAsync())
        {
            await using var read = new NpgsqlCommand($"SELECT count(*) FROM {schema}.segment_open", connection);
            (await read.ExecuteScalarAsync()).ShouldBe(0L);
            (await ScalarAsync($"SELECT {schema}.rotate_segments(1)")).ShouldBe(2);
            (await store.Segments.RotateAsync(default)).ShouldBeFalse();
        }

        (await store.Segments.RotateAsync(default)).ShouldBeTrue();
        (await ScalarAsync($"SELECT last_value FROM {schema}.segment_newest")).ShouldBe(0L);
    }

    [Fact]
    public void While_a_reader_is_there_fewer_and_fewer_calls_are_tries()
    {
        var hindrance = new Hindrance();
        List<int> tries = [];
        for (var call = 0; call < 64; call++)
        {
            if (hindrance.IsTooEarly) continue;
            tries.Add(call);
            hindrance.Answered(byReader: call < 40);
        }

        tries.ShouldBe([0, 1, 2, 4, 8, 16, 32, 48, .. Enumerable.Range(49, 15)]);
    }

    [Fact]
    public async Task A_backlog_in_several_segments_is_handed_out_oldest_first_and_after_what_is_more_urgent()
    {
        store.Segments.SegmentBytes = 1;
        var backlog = new List<long>();
        for (var segment = 0; segment < 3; segment++)
        {
            backlog.AddRange(await EnqueueAsync(7));
            (await store.Segments.RotateAsync(default)).ShouldBeTrue();
        }

        backlog.AddRange(await EnqueueAsync(7));
        var got = new List<long>();
        // In bites that end within a segment and beyond its end, all within the moment in which only some segments are looked at.
        while (got.Count < 14) got.AddRange(await ClaimAsync(3));
        var urgent = (await store.Messages.EnqueueAsync(
            [new NewMessage { Kind = "k", Version = 1, Queue = "work", Priority = Priority.High, Body = "{}"u8.ToArray() }],
            null, default))[0].Id.Value;
        (await ClaimAsync(1)).ShouldBe([urgent]);
        while (await ClaimAsync(3) is { Length: > 0 } more) got.AddRange(more);
        got.ShouldBe(backlog);
    }

    [Fact]
    public async Task A_backlog_beyond_what_is_counted_is_guessed_well()
    {
        await RunAsync(
            $"INSERT INTO {schema}.segment (segment, queue, priority, xid, id, enqueued_at, kind, version, headers, body) SELECT 0, "
                + $"'work', 1, (SELECT pg_current_xact_id()::text::bigint), nextval('{schema}.message_id_seq'), now(), 'k', 1, NULL, "
                + $"'\\x7b7d' FROM generate_series(1, 150000)");
        var queue = (await store.Queues.ListAsync()).Single(q => q.Queue == "work");
        queue.Ready.ShouldBeInRange(149_000, 151_000);
    }

    private async Task<long[]> EnqueueAsync(int count, System.Data.Common.DbTransaction? transaction = null) =>
        [.. (await store.Messages.EnqueueAsync(
            [.. Enumerable.Range(0, count).Select(i => new NewMessage { Kind = "k", Version = 1, Queue = "work", Body = new byte[250] })],
            transaction, default)).Select(e => e.Id.Value)];

    private async Task<long[]> ClaimAsync(int limit) =>
        [.. (await store.Messages.ClaimAsync(node, [new QueueDemand("work", limit)], default))!.Select(m => m.Claim.Id.Value)];

    private async Task<List<ClaimedMessage>> ClaimedAsync(int limit)
    {
        var claimed = new List<ClaimedMessage>();
        while (claimed.Count < limit)
            claimed.AddRange((await store.Messages.ClaimAsync(node, [new QueueDemand("work", limit - claimed.Count)], default))!);
        return claimed;
    }

    private async Task RunAsync(string sql) => await ScalarAsync(sql);

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
