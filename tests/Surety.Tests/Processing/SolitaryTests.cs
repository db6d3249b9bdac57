using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Hosting;

namespace Surety.Tests.Processing;

public sealed class SqliteSolitaryTests() : SolitaryTests(SqlitePlace.OpenAsync);

public sealed class PostgresSolitaryTests() : SolitaryTests(PostgresPlace.OpenAsync);

/// <summary>A message on its last chance has the node to itself, and not for longer than half of the time.</summary>
public abstract class SolitaryTests(Func<Task<Place>> open) : IAsyncLifetime
{
    private static readonly EnqueueOptions Tracked = new() { Tracked = true };
    private readonly Script<Ping> pings = new();
    private readonly Script<Pong> pongs = new();
    private readonly Script<Letter> letters = new();
    private Place place = null!;

    public async ValueTask InitializeAsync() => place = await open();

    public async ValueTask DisposeAsync() => await place.DisposeAsync();

    [Fact]
    public async Task A_message_on_its_last_chance_runs_while_nothing_else_does_in_any_queue()
    {
        var (inside, beside, alone) = (0, 0, 0);
        pings.Act = async (_, _, cancel) =>
        {
            Volatile.Write(ref alone, 1);
            if (Volatile.Read(ref inside) > 0) Interlocked.Increment(ref beside);
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancel);
            if (Volatile.Read(ref inside) > 0) Interlocked.Increment(ref beside);
            Volatile.Write(ref alone, 0);
            return Outcome.Done;
        };
        letters.Act = async (_, _, cancel) =>
        {
            Interlocked.Increment(ref inside);
            if (Volatile.Read(ref alone) != 0) Interlocked.Increment(ref beside);
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancel);
            Interlocked.Decrement(ref inside);
            return Outcome.Done;
        };
        pongs.Act = (_, work, cancel) => letters.Act(null!, work, cancel);

        List<MessageId> ids = [];
        await using (var producer = await StartAsync(works: false))
        {
            var suspects = await EnqueueAsync(producer, Enumerable.Range(0, 4).Select(i => new Ping(i)));
            await SuspectAsync(producer, suspects, deaths: 2);
            ids.AddRange(suspects);
            ids.AddRange(await EnqueueAsync(producer, Enumerable.Range(0, 100).Select(i => (object)(i % 2 == 0 ? new Pong(i) : new Letter($"{i}")))));
        }

        await using var worker = await StartAsync(works: true);
        foreach (var id in ids) await worker.UntilAsync(id, MessageStatus.Succeeded);
        beside.ShouldBe(0);
        pings.Seen.Count.ShouldBe(4);
    }

    [Fact]
    public async Task Messages_that_run_alone_leave_at_least_as_much_time_to_the_others_as_they_took()
    {
        var turns = new ConcurrentQueue<(long Began, long Ended)>();
        pings.Act = async (_, _, cancel) =>
        {
            var began = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromMilliseconds(60), cancel);
            turns.Enqueue((began, Stopwatch.GetTimestamp()));
            return Outcome.Done;
        };
        List<MessageId> suspects;
        await using (var producer = await StartAsync(works: false))
        {
            suspects = await EnqueueAsync(producer, Enumerable.Range(0, 5).Select(i => new Ping(i)));
            await SuspectAsync(producer, suspects, deaths: 7);
        }

        await using var worker = await StartAsync(works: true);
        foreach (var id in suspects) await worker.UntilAsync(id, MessageStatus.Succeeded);
        var inOrder = turns.OrderBy(t => t.Began).ToList();
        inOrder.Count.ShouldBe(5);
        // By two clocks of the same machine, read one after the other: a hair.
        foreach (var (before, after) in inOrder.Zip(inOrder.Skip(1)))
            Stopwatch.GetElapsedTime(before.Ended, after.Began).ShouldBeGreaterThan(Stopwatch.GetElapsedTime(before.Began, before.Ended) - TimeSpan.FromMilliseconds(2));
    }

    [Fact]
    public async Task Messages_that_wait_to_run_alone_take_no_place_from_those_that_may_run()
    {
        var (begun, may) = (new TaskCompletionSource(), new TaskCompletionSource());
        pings.Act = async (d, _, cancel) =>
        {
            if (d.Message.Number != 100) return Outcome.Done;
            begun.TrySetResult();
            await may.Task.WaitAsync(cancel);
            return Outcome.Done;
        };
        await using var producer = await StartAsync(works: false);
        var suspects = await EnqueueAsync(producer, Enumerable.Range(0, 5).Select(i => new Ping(i)));
        await SuspectAsync(producer, suspects, deaths: 2);
        await using var worker = await StartAsync(works: true, s => s.Queue("default", q => q.Concurrency = 2));
        // One runs for long, so that nothing can run alone; in the other place the honest ones go on.
        var slow = (await EnqueueAsync(producer, [new Ping(100)])).Single();
        await begun.Task;
        var more = await EnqueueAsync(producer, Enumerable.Range(0, 5).Select(i => new Ping(10 + i)));
        await SuspectAsync(producer, more.Take(3), deaths: 2, ifWaiting: true);
        foreach (var id in await EnqueueAsync(producer, Enumerable.Range(0, 20).Select(i => new Ping(200 + i)))) await worker.UntilAsync(id, MessageStatus.Succeeded);
        may.SetResult();
        foreach (var id in (IEnumerable<MessageId>)[slow, .. suspects, .. more]) await worker.UntilAsync(id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task What_was_claimed_before_a_long_turn_alone_goes_back_unspent()
    {
        var (begun, may) = (new TaskCompletionSource(), new TaskCompletionSource());
        pings.Act = async (_, _, cancel) =>
        {
            begun.TrySetResult();
            await may.Task.WaitAsync(cancel);
            return Outcome.Done;
        };
        await using var producer = await StartAsync(works: false);
        var suspect = await EnqueueAsync(producer, [new Ping(1)]);
        await SuspectAsync(producer, suspect, deaths: 2);
        // Claimed together with the suspect; they would wait ten seconds to become a batch.
        var others = await EnqueueAsync(producer, [new Pong(1), new Pong(2)]);
        await using var worker = await StartAsync(works: true, s => s.Configure(o => o.PollInterval = TimeSpan.FromSeconds(0.2)), TimeSpan.FromSeconds(10));
        await begun.Task;
        foreach (var id in others) (await worker.UntilAsync(id, MessageStatus.Queued)).Attempt.ShouldBe(0);
        pongs.Seen.ShouldBeEmpty();
        may.SetResult();
        foreach (var id in (IEnumerable<MessageId>)[.. suspect, .. others]) await worker.UntilAsync(id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task A_host_that_stops_while_one_runs_alone_leaves_the_others_unspent_for_the_next_one()
    {
        var (begun, may) = (new TaskCompletionSource(), new TaskCompletionSource());
        pings.Act = async (_, _, cancel) =>
        {
            begun.TrySetResult();
            await may.Task.WaitAsync(cancel);
            return Outcome.Done;
        };
        await using var producer = await StartAsync(works: false);
        var suspect = await EnqueueAsync(producer, [new Ping(1)]);
        await SuspectAsync(producer, suspect, deaths: 2);
        List<MessageId> others;
        await using (var worker = await StartAsync(works: true))
        {
            await begun.Task;
            others = await EnqueueAsync(producer, Enumerable.Range(0, 30).Select(i => new Pong(i)));
            var stop = worker.Host.StopAsync();
            may.SetResult();
            await stop;
        }

        pongs.Seen.ShouldBeEmpty();
        foreach (var id in others) (await producer.Messages.FindAsync(id)).ShouldNotBeNull().ShouldSatisfyAllConditions(m => m.Status.ShouldBe(MessageStatus.Queued), m => (m.Attempt, m.Deaths).ShouldBe((0, 0)));
        (await producer.Messages.FindAsync(suspect[0])).ShouldNotBeNull().Status.ShouldBe(MessageStatus.Succeeded);
    }

    [Fact]
    public async Task A_message_is_given_up_only_when_its_last_death_was_alone()
    {
        await using var producer = await StartAsync(works: false);
        var ids = await EnqueueAsync(producer, [new Ping(1), new Ping(2)]);
        await SuspectAsync(producer, [ids[0]], deaths: 5);
        await SuspectAsync(producer, [ids[1]], deaths: 5, diedAlone: true);
        await using var worker = await StartAsync(works: true);
        await worker.UntilAsync(ids[0], MessageStatus.Succeeded);
        (await worker.UntilAsync(ids[1], MessageStatus.Dead)).Reason.ShouldBe("The process died 5 times while it ran this message, the last time while nothing else ran.");
        pings.Seen.ShouldHaveSingleItem().Message.Number.ShouldBe(1);
    }

    private static async Task<List<MessageId>> EnqueueAsync(WorkingHost host, IEnumerable<object> messages) =>
        [.. (await host.Queue.EnqueueAsync([.. messages.Select(m => new Envelope(m, Tracked))])).Select(e => e.Id)];

    /// <summary>As if its process had died while it was held.</summary>
    private async Task SuspectAsync(WorkingHost host, IEnumerable<MessageId> ids, int deaths, bool diedAlone = false, bool ifWaiting = false)
    {
        var table = place is PostgresPlace server ? $"{server.Schema}.message" : "surety_message";
        await host.ExecuteAsync(
            $"UPDATE {table} SET deaths = {deaths}, died_alone = {(place is PostgresPlace ? diedAlone : diedAlone ? 1 : 0)} WHERE id IN ({string.Join(", ", ids)}){(ifWaiting ? " AND state = 1" : "")}");
    }

    private Task<WorkingHost> StartAsync(bool works, Action<SuretyBuilder>? configure = null, TimeSpan? gathering = null) => WorkingHost.StartAsync(
        s =>
        {
            s.Handle<Ping, Plain<Ping>>().HandleBatch<Pong, OneByOne>(10, gathering ?? TimeSpan.FromMilliseconds(5)).Handle<Letter, Plain<Letter>>("letters").Configure(o => o.Work = works);
            configure?.Invoke(s);
        },
        place, services => services.AddSingleton(pings).AddSingleton(pongs).AddSingleton(letters));

    private sealed class OneByOne(Script<Pong> script) : IBatchHandler<Pong>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Pong>> deliveries, CancellationToken cancel)
        {
            var outcomes = new List<Outcome>();
            foreach (var delivery in deliveries) outcomes.Add(await script.RunAsync(delivery, null, cancel));
            return outcomes;
        }
    }
}
