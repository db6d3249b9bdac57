using System.Diagnostics;
using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>
/// A cursor passes the places of transactions that still run. What they bring when they commit must be found, once, and what they do not
/// bring must cost nothing.
/// </summary>
public sealed class LateTransactionTests : IAsyncLifetime
{
    private static int made;

    // Which transactions run is what these tests are about, and on the shared server others' run, too.
    private static readonly Lazy<Task<PostgresServer>> Own = new(() => PostgresServer.StartAsync());

    private readonly string schema = $"late{Interlocked.Increment(ref made)}";
    private string connectionString = "";
    private PostgresStore store = null!;
    private NodeId node;

    public async ValueTask InitializeAsync()
    {
        connectionString = (await Own.Value).ConnectionString;
        store = new PostgresStore(connectionString, TimeProvider.System, new PostgresOptions { Schema = schema });
        await store.OpenAsync(default);
        node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(5), default))!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        await ScalarAsync($"DROP SCHEMA {schema} CASCADE");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task In_whatever_order_transactions_end_each_message_is_claimed_once(int seed)
    {
        var random = new Random(seed);
        var (open, ready, claimed, cancelled) =
            (new List<(OwnedUnitOfWork Work, List<long> Ids)>(), new HashSet<long>(), new List<long>(), 0);
        store.Segments.SegmentBytes = 16 * 1024;
        try
        {
            for (var step = 0; step < 400; step++)
            {
                switch (random.Next(12))
                {
                    case 0 or 1 when open.Count < 6:
                        open.Add((await BeginAsync(), []));
                        open[^1].Ids.AddRange(await EnqueueAsync(random.Next(1, 15), Priority.Normal, open[^1].Work.Transaction));
                        break;
                    case 2 or 3 when open.Count > 0:
                        var (work, ids) = open[random.Next(open.Count)];
                        ids.AddRange(await EnqueueAsync(
                            random.Next(1, 15), random.Next(8) == 0 ? Priority.High : Priority.Normal, work.Transaction));
                        break;
                    case 4 or 5 when open.Count > 0:
                        var ending = open[random.Next(open.Count)];
                        open.Remove(ending);
                        if (random.Next(4) > 0)
                        {
                            await ending.Work.CommitAsync();
                            ready.UnionWith(ending.Ids);
                        }

                        await ending.Work.DisposeAsync();
                        break;
                    case 6:
                        ready.UnionWith(await EnqueueAsync(random.Next(1, 15), Priority.Normal));
                        break;
                    case 7 when ready.Count > 0:
                        var id = ready.ElementAt(random.Next(ready.Count));
                        if (await store.Messages.CancelAsync(new MessageId(id), "a test", null, default) == CancelAnswer.Cancelled
                            && ready.Remove(id)) cancelled++;
                        break;
                    case 8:
                        await store.Segments.RotateAsync(default);
                        break;
                    default:
                        await ClaimAsync(random.Next(1, 30));
                        break;
                }
            }

            foreach (var last in open)
            {
                await last.Work.CommitAsync();
                ready.UnionWith(last.Ids);
            }
        }
        finally
        {
            foreach (var last in open) await last.Work.DisposeAsync();
        }

        while (await ClaimAsync(30) > 0)
        {
        }

        ready.ShouldBeEmpty("nobody was given them");
        claimed.Count.ShouldBeGreaterThan(300);
        cancelled.ShouldBeGreaterThan(0);

        async Task<int> ClaimAsync(int limit)
        {
            var messages = (await store.Messages.ClaimAsync(node, [new QueueDemand("work", limit)], default))!;
            Take([.. messages.Select(m => m.Claim.Id.Value)]);
            if (messages.Count > 0) await store.Messages.SettleAsync([.. messages.Select(m => m.Done())], null, default);
            return messages.Count;
        }

        void Take(IReadOnlyList<long> ids)
        {
            foreach (var id in ids) ready.Remove(id).ShouldBeTrue($"{id} was claimed twice, or never committed");
            claimed.AddRange(ids);
        }
    }

    // In a flow of its own, as another caller would.
    private async Task<OwnedUnitOfWork> BeginAsync() => await store.Database.BeginAsync();

    [Fact]
    public async Task A_look_that_finds_nothing_but_transactions_that_run_or_brought_nothing_waits_for_nobody()
    {
        await using var slow = await BeginAsync();
        await EnqueueAsync(3, Priority.Normal, slow.Transaction);
        await using (var empty = await BeginAsync())
        {
            await EnqueueAsync(2, Priority.Normal, empty.Transaction);
            await EnqueueAsync(4, Priority.Normal);
            (await ClaimAsync(10)).Length.ShouldBe(4);
        }

        ((long[])(await ScalarAsync($"SELECT late FROM {schema}.claim"))!).Length.ShouldBe(2);
        await using var holder = new NpgsqlConnection(connectionString);
        await holder.OpenAsync();
        await using var held = new NpgsqlCommand($"SELECT pg_advisory_lock(hashtextextended('\"{schema}\"work', 11))", holder);
        await held.ExecuteNonQueryAsync();
        (await ClaimAsync(10).WaitAsync(TimeSpan.FromSeconds(20))).ShouldBeEmpty();
        // That it is the lock a claim takes.
        await EnqueueAsync(1, Priority.Normal);
        var claiming = ClaimAsync(10);
        await WorkingHost.UntilAsync(
            async () =>
            (long)(await ScalarAsync(
            "SELECT count(*) FROM pg_locks l JOIN pg_locks h USING (locktype, classid, objid) WHERE locktype = 'advisory' AND NOT "
                + "l.granted AND h.granted AND h.pid = " + holder.ProcessID))! == 1);
        claiming.IsCompleted.ShouldBeFalse();
        held.CommandText = "SELECT pg_advisory_unlock_all()";
        await held.ExecuteNonQueryAsync();
        (await claiming).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task What_a_slow_transaction_brought_to_an_older_segment_waits_a_moment_while_there_are_others()
    {
        store.Segments.SegmentBytes = 1;
        await using var slow = await store.Database.BeginAsync();
        var late = await EnqueueAsync(3, Priority.Normal, slow.Transaction);
        await EnqueueAsync(3, Priority.Normal);
        (await ClaimAsync(10)).Length.ShouldBe(3);
        (await store.Segments.RotateAsync(default)).ShouldBeTrue();
        await EnqueueAsync(50, Priority.Normal);
        // Nothing in the older one: it is not looked at for a moment.
        (await ClaimAsync(1)).ShouldHaveSingleItem().ShouldNotBe(late[0]);
        await slow.CommitAsync();
        var began = Stopwatch.GetTimestamp();
        while (!(await ClaimAsync(1)).Contains(late[0]))
        {
            await EnqueueAsync(2, Priority.Normal);
            Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(10));
        }

        (await ClaimAsync(2)).ShouldBe(late[1..]);
    }

    [Fact]
    public async Task What_a_slow_transaction_brought_to_an_older_segment_does_not_wait_where_there_is_nothing_else()
    {
        store.Segments.SegmentBytes = 1;
        await using var slow = await store.Database.BeginAsync();
        var late = await EnqueueAsync(3, Priority.Normal, slow.Transaction);
        (await store.Segments.RotateAsync(default)).ShouldBeTrue();
        await EnqueueAsync(1, Priority.Normal);
        (await ClaimAsync(1)).ShouldHaveSingleItem().ShouldNotBe(late[0]);
        await slow.CommitAsync();
        (await ClaimAsync(5)).ShouldBe(late);
    }

    [Fact]
    public async Task What_was_withdrawn_in_an_older_segment_keeps_nothing_of_the_younger_ones_back()
    {
        store.Segments.SegmentBytes = 1;
        foreach (var priority in new[] { Priority.Normal, Priority.High })
        {
            foreach (var withdrawn in new[] { await EnqueueAsync(1, priority), await EnqueueAsync(2, priority) })
            {
                foreach (var id in withdrawn.Select(w => new MessageId(w)))
                    (await store.Messages.CancelAsync(id, "a test", null, default)).ShouldBe(CancelAnswer.Cancelled);
                (await store.Segments.RotateAsync(default)).ShouldBeTrue();
            }

            var ids = await EnqueueAsync(3, priority);
            (await ClaimAsync(2)).ShouldBe(ids[..2]);
            (await ClaimAsync(2)).ShouldBe(ids[2..]);
            (await ClaimAsync(2)).ShouldBeEmpty();
        }
    }

    /// <summary>The example of docs/segments.md.</summary>
    [Fact]
    public async Task The_example_of_the_page_is_what_happens()
    {
        // Which transactions of this story are in late, and how far they were handed out; the server may have others of its own.
        async Task<(long Id, string Late)> CursorAsync(params long[] known)
        {
            var id = (long)(await ScalarAsync($"SELECT id FROM {schema}.claim ORDER BY turn DESC LIMIT 1"))!;
            var late = (long[])(await ScalarAsync($"SELECT late FROM {schema}.claim ORDER BY turn DESC LIMIT 1"))!;
            var after = (long[])(await ScalarAsync($"SELECT late_after FROM {schema}.claim ORDER BY turn DESC LIMIT 1"))!;
            var ours = late.Zip(after).Where(l => known.Contains(l.First));
            return (id, string.Join(", ", ours.Select(l => $"{Array.IndexOf(known, l.First)} after {l.Second}")));
        }

        async Task<long> TransactionOfAsync(OwnedUnitOfWork work)
        {
            await using var ask = work.Connection.CreateCommand();
            (ask.CommandText, ask.Transaction) = ("SELECT pg_current_xact_id()::text::bigint", work.Transaction);
            return (long)(await ask.ExecuteScalarAsync())!;
        }

        await using var first = await BeginAsync();
        (await EnqueueAsync(1, Priority.Normal, first.Transaction)).ShouldBe([1]);
        (await EnqueueAsync(1, Priority.Normal)).ShouldBe([2]);
        await using var second = await BeginAsync();
        (await EnqueueAsync(1, Priority.Normal, second.Transaction)).ShouldBe([3]);
        (await EnqueueAsync(1, Priority.Normal, first.Transaction)).ShouldBe([4]);
        (await EnqueueAsync(2, Priority.Normal)).ShouldBe([5, 6]);
        var (open, other) = (await TransactionOfAsync(first), await TransactionOfAsync(second));

        (await ClaimAsync(10)).ShouldBe([2, 5, 6]);
        (await CursorAsync(open, other)).ShouldBe((6, "0 after 0, 1 after 0"));
        await first.CommitAsync();
        (await ClaimAsync(1)).ShouldBe([1]);
        (await CursorAsync(open, other)).ShouldBe((6, "0 after 1, 1 after 0"));
        (await ClaimAsync(10)).ShouldBe([4]);
        (await CursorAsync(open, other)).ShouldBe((6, "0 after 4, 1 after 0"));
        await second.DisposeAsync();
        (await ClaimAsync(10)).ShouldBeEmpty();
        (await EnqueueAsync(1, Priority.Normal)).ShouldBe([7]);
        (await ClaimAsync(10)).ShouldBe([7]);
        (await CursorAsync(open, other)).ShouldBe((7, ""));
    }

    private async Task<long[]> EnqueueAsync(int count, Priority priority, System.Data.Common.DbTransaction? transaction = null)
    {
        var one = new NewMessage { Kind = "k", Version = 1, Queue = "work", Priority = priority, Body = new byte[250] };
        return [.. (await store.Messages.EnqueueAsync([.. Enumerable.Repeat(one, count)], transaction, default)).Select(e => e.Id.Value)];
    }

    private async Task<long[]> ClaimAsync(int limit) =>
        [.. (await store.Messages.ClaimAsync(node, [new QueueDemand("work", limit)], default))!.Select(m => m.Claim.Id.Value)];

    private async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
