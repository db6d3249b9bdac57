using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Hosting;

namespace Surety.Tests.Processing;

public sealed class SqliteWorkerTests() : WorkerTests(SqlitePlace.OpenAsync);

public sealed class PostgresWorkerTests() : WorkerTests(PostgresPlace.OpenAsync);

public abstract class WorkerTests(Func<Task<Place>> open) : IAsyncLifetime
{
    private Place place = null!;
    private readonly Script<Ping> pings = new();
    private readonly Script<Pong> pongs = new();

    private static readonly EnqueueOptions Tracked = new() { Tracked = true };

    [Fact]
    public async Task A_handled_message_leaves_nothing_behind_unless_it_is_tracked()
    {
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var plain = await host.Queue.EnqueueAsync(new Ping(1));
        var tracked = await host.Queue.EnqueueAsync(new Ping(2), Tracked);
        await host.UntilGoneAsync(plain.Id);
        var info = await host.UntilAsync(tracked.Id, MessageStatus.Succeeded);
        info.Attempts.ShouldHaveSingleItem().Outcome.ShouldBe(AttemptOutcome.Done);
        pings.Seen.Select(d => d.Message.Number).Order().ShouldBe([1, 2]);
    }

    [Fact]
    public async Task A_message_that_keeps_failing_dies_with_every_attempt_visible_and_lives_again_when_requeued_with_a_better_payload()
    {
        pings.Act = (d, _, _) => d.Message.Number < 0
            ? throw new InvalidOperationException($"number {d.Message.Number} is negative") : Task.FromResult(Outcome.Done);
        await using var host = await StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Fixed(3, TimeSpan.Zero)));
        var id = (await host.Queue.EnqueueAsync(new Ping(-5), Tracked)).Id;

        var dead = await host.UntilAsync(id, MessageStatus.Dead);
        dead.Attempt.ShouldBe(3);
        dead.Attempts.Count.ShouldBe(3);
        dead.Attempts.ShouldAllBe(a => a.Error!.Contains("number -5 is negative"));
        dead.Attempts.Select(a => a.ClaimNumber).ShouldBe([1L, 2L, 3L]);
        (await host.DeadLetters.GroupsAsync()).ShouldHaveSingleItem().Cause.ShouldBe("InvalidOperationException: number -# is negative");

        (await host.DeadLetters.RequeueAsync(id, """{"number":5}"""u8.ToArray())).ShouldBeTrue();
        (await host.UntilAsync(id, MessageStatus.Succeeded)).Attempt.ShouldBe(1);
    }

    [Fact]
    public async Task A_transactional_handlers_effect_its_messages_and_its_settling_are_one_commit()
    {
        pings.Act = async (d, work, _) =>
        {
            await WorkingHost.ExecuteAsync(work!, $"INSERT INTO effect VALUES ({d.Message.Number})");
            await hostQueue!.EnqueueAsync(new Pong(d.Message.Number), work!);
            return d.Attempt < 3 ? throw new InvalidOperationException("not yet") : Outcome.Done;
        };
        await using var host = await StartAsync(s => s
            .HandleInTransaction<Ping, InTransaction<Ping>>()
            .Handle<Pong, Plain<Pong>>().Queue("default", q => q.Retry = Retry.Fixed(5, TimeSpan.Zero)));
        await host.ExecuteAsync("CREATE TABLE effect (number INTEGER)");

        var id = (await host.Queue.EnqueueAsync(new Ping(7), Tracked)).Id;
        (await host.UntilAsync(id, MessageStatus.Succeeded)).Attempt.ShouldBe(3);
        (await host.ScalarAsync("SELECT count(*) FROM effect")).ShouldBe(1);
        await WorkingHost.UntilAsync(() => Task.FromResult(pongs.Seen.Count == 1));
        pings.Seen.Count.ShouldBe(3);
    }

    [Fact]
    public async Task Every_attempt_gets_a_scope_of_its_own()
    {
        var scopes = new ConcurrentDictionary<int, bool>();
        pings.Act = (d, _, _) => Task.FromResult(d.Attempt < 3 ? Outcome.Retry("again") : Outcome.Done);
        await using var host = await StartAsync(
            s => s.Handle<Ping, Scoped>().Queue("default", q => q.Retry = Retry.Fixed(3, TimeSpan.Zero)),
            services => services.AddScoped<ScopeMark>().AddSingleton(scopes));
        await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id, MessageStatus.Succeeded);
        scopes.Count.ShouldBe(3);
    }

    [Fact]
    public async Task One_poison_item_of_a_batch_fails_alone()
    {
        var script = new BatchScript(throwOn: 13);
        await using var host = await StartAsync(
            s => s.HandleBatch<Ping, Batch>(maxSize: 50, maxWait: TimeSpan.FromMilliseconds(50)).Queue(
                "test.ping", q => q.Retry = Retry.Never),
            services => services.AddSingleton(script));
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 40).Select(i => new Envelope(new Ping(i), Tracked))]);
        for (var i = 0; i < ids.Count; i++) await host.UntilAsync(ids[i].Id, i == 13 ? MessageStatus.Dead : MessageStatus.Succeeded);
        script.Done.Order().ShouldBe(Enumerable.Range(0, 40).Except([13]));
        script.Sizes.ShouldContain(size => size > 1);
    }

    [Fact]
    public async Task A_transactional_batch_commits_once_and_its_poison_item_takes_nothing_with_it()
    {
        await using var host = await StartAsync(
            s => s.HandleBatchInTransaction<Ping, TransactionalBatch>(maxSize: 50, maxWait: TimeSpan.FromMilliseconds(50)).Queue(
                "test.ping", q => q.Retry = Retry.Never));
        await host.ExecuteAsync("CREATE TABLE effect (number INTEGER)");
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 40).Select(i => new Envelope(new Ping(i), Tracked))]);
        for (var i = 0; i < ids.Count; i++) await host.UntilAsync(ids[i].Id, i == 13 ? MessageStatus.Dead : MessageStatus.Succeeded);
        (await host.ScalarAsync("SELECT count(*) FROM effect")).ShouldBe(39);
        (await host.ScalarAsync("SELECT count(DISTINCT number) FROM effect")).ShouldBe(39);
    }

    [Fact]
    public async Task A_batch_handler_that_answers_for_too_few_is_run_item_by_item()
    {
        var script = new BatchScript(answerOne: true);
        await using var host = await StartAsync(
            s => s.HandleBatch<Ping, Batch>(maxSize: 10, maxWait: TimeSpan.FromMilliseconds(50)),
                services => services.AddSingleton(script));
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 10).Select(i => new Envelope(new Ping(i), Tracked))]);
        foreach (var id in ids) await host.UntilAsync(id.Id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task Batches_that_came_in_one_claim_run_side_by_side()
    {
        var meeting = new Barrier(3);
        await using var host = await StartAsync(
            s => s.HandleBatch<Ping, MeetingBatch>(maxSize: 10).Queue("test.ping", q => (q.Concurrency, q.Retry) = (3, Retry.Never)),
            services => services.AddSingleton(meeting));
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 30).Select(i => new Envelope(new Ping(i), Tracked))]);
        foreach (var id in ids) await host.UntilAsync(id.Id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task A_batch_handler_that_throws_at_once_leaves_its_scope_closed()
    {
        var closed = new ConcurrentQueue<bool>();
        await using var host = await StartAsync(
            s => s.HandleBatch<Ping, HastyBatch>(maxWait: TimeSpan.Zero).Queue("test.ping", q => q.Retry = Retry.Never),
            services => services.AddSingleton(closed).AddScoped<Closing>());
        await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id, MessageStatus.Dead);
        closed.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_snoozed_message_comes_back_with_its_attempt_unspent()
    {
        pings.Act = (_, _, _) => Task.FromResult(pings.Seen.Count < 4 ? Outcome.Snooze(TimeSpan.Zero, "not open") : Outcome.Done);
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var info = await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id, MessageStatus.Succeeded);
        info.Attempt.ShouldBe(1);
        pings.Seen.Select(d => d.Attempt).ShouldBe([1, 1, 1, 1]);
        pings.Seen.Select(d => d.ClaimNumber).ShouldBe([1, 2, 3, 4]);
        pings.Seen.Select(d => d.IdempotencyKey).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_handler_that_outlasts_its_limit_fails_even_if_it_ignores_its_token_politely()
    {
        pings.Act = async (_, _, cancel) =>
        {
            await Task.Delay(Timeout.Infinite, cancel);
            return Outcome.Done;
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Queue(
            "default", q => (q.HandlerTimeout, q.Retry) = (TimeSpan.FromMilliseconds(50), Retry.Never)));
        var dead = await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id, MessageStatus.Dead);
        dead.Cause!.ShouldStartWith("TimeoutException");
    }

    [Fact]
    public async Task A_cancellation_that_is_not_ours_is_a_failure_not_a_success()
    {
        pings.Act = (_, _, _) => throw new TaskCanceledException("the HTTP client's own timeout");
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Never));
        (await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id, MessageStatus.Dead)).Cause!.ShouldContain("HTTP client");
    }

    [Fact]
    public async Task A_running_message_that_is_cancelled_stops_and_ends_as_cancelled()
    {
        var running = new TaskCompletionSource();
        pings.Act = async (_, _, cancel) =>
        {
            running.SetResult();
            await Task.Delay(Timeout.Infinite, cancel);
            return Outcome.Done;
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var id = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;
        await running.Task;
        (await host.Messages.CancelAsync(id, "changed my mind")).ShouldBe(CancelAnswer.Requested);
        (await host.UntilAsync(id, MessageStatus.Cancelled)).Reason.ShouldBe("changed my mind");
        (await host.Messages.CancelAsync(id, "again")).ShouldBe(CancelAnswer.AlreadyEnded);
    }

    [Fact]
    public async Task A_message_without_a_handler_waits_unspent_and_says_why()
    {
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var id = (await host.Queue.EnqueueAsync(new Pong(1))).Id;
        await WorkingHost.UntilAsync(async () => (await host.Messages.FindAsync(id))?.Reason?.Contains("No handler for test.pong") == true);
        var info = await host.Messages.FindAsync(id);
        info!.Attempt.ShouldBe(0);
        info.Status.ShouldBe(MessageStatus.Scheduled);
    }

    [Fact]
    public async Task A_payload_nobody_can_read_is_a_dead_letter_and_harms_no_other()
    {
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var good = await host.Queue.EnqueueAsync(new Ping(1), Tracked);
        var bad = (await host.Get<Surety.Storage.IMessageStore>().EnqueueAsync(
            [new() { Kind = "test.ping", Version = 1, Body = "{\"number\":\"NaN"u8.ToArray(), Queue = "default" }], null, default))[0];
        (await host.UntilAsync(bad.Id, MessageStatus.Dead)).Reason!.ShouldContain("is not a test.ping");
        await host.UntilAsync(good.Id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task An_old_payload_is_read_through_its_upcasters()
    {
        var script = new Script<Renamed>();
        await using var host = await StartAsync(
            s => s.Handle<Renamed, Plain<Renamed>>()
                .Upcast<Renamed>(1, json => new System.Text.Json.Nodes.JsonObject { ["fullName"] = json["name"]!.DeepClone() })
                .Upcast<Renamed>(2, json => new System.Text.Json.Nodes.JsonObject { ["label"] = json["fullName"]!.DeepClone() }),
            services => services.AddSingleton(script));
        var store = host.Get<Surety.Storage.IMessageStore>();
        var ids = await store.EnqueueAsync(
            [
                new() { Kind = "test.renamed", Version = 1, Body = """{"name":"a"}"""u8.ToArray(), Queue = "default", Tracked = true },
                new() { Kind = "test.renamed", Version = 2, Body = """{"fullName":"b"}"""u8.ToArray(), Queue = "default", Tracked = true },
                new() { Kind = "test.renamed", Version = 4, Body = """{"future":"c"}"""u8.ToArray(), Queue = "default", Tracked = true },
            ], null, default);
        await host.UntilAsync(ids[0].Id, MessageStatus.Succeeded);
        await host.UntilAsync(ids[1].Id, MessageStatus.Succeeded);
        script.Seen.Select(d => d.Message.Label).Order().ShouldBe(["a", "b"]);
        await WorkingHost.UntilAsync(async () => (await host.Messages.FindAsync(ids[2].Id))?.Reason?.Contains("newer") == true);
    }

    [Fact]
    public async Task No_more_handlers_run_at_once_than_the_queue_allows()
    {
        int now = 0, most = 0;
        pings.Act = async (_, _, _) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref now));
            await Task.Yield();
            Interlocked.Decrement(ref now);
            return Outcome.Done;
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Concurrency = 3));
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 500).Select(i => new Envelope(new Ping(i)))]);
        await host.UntilGoneAsync(ids[^1].Id);
        await WorkingHost.UntilAsync(() => Task.FromResult(pings.Seen.Count == 500));
        most.ShouldBeInRange(1, 3);
    }

    [Fact]
    public async Task Messages_of_one_ordering_key_run_one_at_a_time_and_in_order_while_keys_run_side_by_side()
    {
        var seen = new ConcurrentDictionary<string, ConcurrentQueue<int>>();
        var running = new ConcurrentDictionary<string, int>();
        var overlaps = 0;
        pings.Act = async (d, _, _) =>
        {
            if (running.AddOrUpdate(d.OrderingKey!, 1, (_, n) => n + 1) > 1) Interlocked.Increment(ref overlaps);
            await Task.Yield();
            var again = d.Message.Number % 7 == 3 && d.Attempt == 1;
            if (!again) seen.GetOrAdd(d.OrderingKey!, _ => []).Enqueue(d.Message.Number);
            running.AddOrUpdate(d.OrderingKey!, 0, (_, n) => n - 1);
            return again ? Outcome.Retry("once more") : Outcome.Done;
        };
        await using var host = await StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Fixed(3, TimeSpan.Zero)));
        await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 200).Select(i => new Envelope(new Ping(i), new EnqueueOptions
        {
            OrderingKey = $"key-{i % 8}",
        }))]);
        await WorkingHost.UntilAsync(() => Task.FromResult(seen.Values.Sum(q => q.Count) == 200));
        overlaps.ShouldBe(0);
        seen.Count.ShouldBe(8);
        foreach (var numbers in seen.Values) numbers.ShouldBe(numbers.Order());
    }

    [Fact]
    public async Task A_paused_queue_stands_still_until_resumed()
    {
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>("slow").Handle<Pong, Plain<Pong>>());
        var queues = host.Get<IQueues>();
        await queues.PauseAsync("slow", "the provider is down");
        var held = (await host.Queue.EnqueueAsync(new Ping(1))).Id;
        await host.UntilGoneAsync((await host.Queue.EnqueueAsync(new Pong(1))).Id);
        (await host.Messages.FindAsync(held))!.Status.ShouldBe(MessageStatus.Queued);
        (await queues.ListAsync()).Single(q => q.Queue == "slow").PausedReason.ShouldBe("the provider is down");
        await queues.ResumeAsync("slow");
        await host.UntilGoneAsync(held);
    }

    [Fact]
    public async Task A_rate_limit_holds()
    {
        await using var host = await StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => (q.RateLimit, q.RatePeriod) = (20, TimeSpan.FromSeconds(1))));
        var started = Stopwatch.GetTimestamp();
        await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 40).Select(i => new Envelope(new Ping(i)))]);
        await WorkingHost.UntilAsync(() => Task.FromResult(pings.Seen.Count == 40));
        Stopwatch.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(950));
    }

    [Fact]
    public async Task Progress_is_visible_while_the_handler_runs()
    {
        var go = new TaskCompletionSource();
        pings.Act = async (d, _, _) =>
        {
            d.ReportProgress(3, 10, "lines", "reading");
            await go.Task;
            d.ReportProgress(10, 10, "lines");
            return Outcome.DoneWith("""{"lines":10}""");
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var id = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;
        await WorkingHost.UntilAsync(async () => (await host.Messages.FindAsync(id))?.Progress == new Progress(3, 10, "lines", "reading"));
        go.SetResult();
        var done = await host.UntilAsync(id, MessageStatus.Succeeded);
        done.Progress.ShouldBe(new Progress(10, 10, "lines", null));
        done.Result.ShouldBe(new JobResult("""{"lines":10}""", "application/json"));
    }

    [Fact]
    public async Task A_message_that_is_given_up_or_cancelled_is_followed_up_in_the_same_commit()
    {
        pings.Act = (_, _, _) => throw new InvalidOperationException("never");
        await using var host = await StartAsync(s => s
            .Handle<Ping, Plain<Ping>>().Handle<Pong, Plain<Pong>>()
            .OnDead<Ping>(p => new Pong(p.Number)).Queue("default", q => q.Retry = Retry.Fixed(2, TimeSpan.Zero)));
        var dead = (await host.Queue.EnqueueAsync(new Ping(1))).Id;
        await host.UntilAsync(dead, MessageStatus.Dead);
        var cancelled = (await host.Queue.EnqueueAsync(new Ping(2), new EnqueueOptions { Delay = TimeSpan.FromHours(1) })).Id;
        (await host.Messages.CancelAsync(cancelled, "withdrawn")).ShouldBe(CancelAnswer.Cancelled);
        await WorkingHost.UntilAsync(() => Task.FromResult(pongs.Seen.Count == 2));
        pongs.Seen.Select(d => d.Message.Number).Order().ShouldBe([1, 2]);
    }

    [Fact]
    public async Task A_follow_up_that_cannot_be_enqueued_costs_its_message_neither_its_end_nor_the_queue_a_slot()
    {
        pings.Act = (_, _, _) => throw new InvalidOperationException("never");
        await using var host = await StartAsync(s => s
            .Handle<Ping, Plain<Ping>>()
            .OnDead<Ping>(_ => new ScopeMark()).Queue("default", q => (q.Retry, q.Concurrency) = (Retry.Never, 1)));
        for (var i = 0; i < 2; i++) await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(i))).Id, MessageStatus.Dead);
        pings.Seen.Count.ShouldBe(2);
    }

    [Fact]
    public async Task At_shutdown_running_work_finishes_and_the_rest_goes_back_unspent()
    {
        var started = new SemaphoreSlim(0);
        var finish = new TaskCompletionSource();
        pings.Act = async (_, _, _) =>
        {
            started.Release();
            await finish.Task;
            return Outcome.Done;
        };
        var ids = new List<MessageId>();
        await using (var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Concurrency = 2)))
        {
            foreach (var enqueued in await host.Queue.EnqueueAsync(
                [.. Enumerable.Range(0, 20).Select(i => new Envelope(new Ping(i), Tracked))])) ids.Add(enqueued.Id);
            await started.WaitAsync();
            await started.WaitAsync();
            var stop = host.Host.StopAsync();
            host.Get<SuretyHealth>().Draining.ShouldBeTrue();
            await WorkingHost.UntilAsync(() => Task.FromResult(!host.Get<Surety.Processing.Worker>().IsClaiming));
            finish.SetResult();
            await stop;
        }

        await using var next = await StartAsync(s => s.Configure(o => o.Work = false));
        var infos = await Task.WhenAll(ids.Select(async id => (await next.Messages.FindAsync(id))!));
        infos.Count(i => i.Status == MessageStatus.Succeeded).ShouldBe(2);
        infos.Where(i => i.Status != MessageStatus.Succeeded).ShouldAllBe(
            i => i.Status == MessageStatus.Queued && i.Attempt == 0 && i.Deaths == 0);
    }

    [Fact]
    public async Task Work_that_outlasts_the_drain_limit_is_cancelled_and_handed_back_unspent()
    {
        var started = new TaskCompletionSource();
        pings.Act = async (_, _, cancel) =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancel);
            return Outcome.Done;
        };
        MessageId id;
        await using (var host = await StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.DrainLimit = TimeSpan.FromMilliseconds(50))))
        {
            id = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;
            await started.Task;
        }

        await using var next = await StartAsync(s => s.Configure(o => o.Work = false));
        var info = (await next.Messages.FindAsync(id))!;
        info.Status.ShouldBe(MessageStatus.Queued);
        info.Attempt.ShouldBe(0);
        info.Deaths.ShouldBe(0);
    }

    [Fact]
    public async Task Work_that_the_drain_cancels_goes_back_unspent_whatever_it_makes_of_its_cancellation()
    {
        var started = new TaskCompletionSource();
        pings.Act = async (_, _, cancel) =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new InvalidOperationException("The connection was closed.");
        };
        MessageId id;
        await using (var host = await StartAsync(s => s
            .Handle<Ping, Plain<Ping>>()
            .Configure(o => o.DrainLimit = TimeSpan.FromMilliseconds(50)).Queue("default", q => q.Retry = Retry.Never)))
        {
            id = (await host.Queue.EnqueueAsync(new Ping(1))).Id;
            await started.Task;
        }

        await using var next = await StartAsync(s => s.Configure(o => o.Work = false));
        var info = (await next.Messages.FindAsync(id))!;
        info.Status.ShouldBe(MessageStatus.Queued);
        info.Attempt.ShouldBe(0);
    }

    [Fact]
    public async Task The_senders_trace_goes_on_in_the_handler()
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = s =>
                s.Name == "Surety", Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(listener);
        ActivityTraceId seen = default;
        pings.Act = (_, _, _) =>
        {
            seen = Activity.Current?.TraceId ?? default;
            return Task.FromResult(Outcome.Done);
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        using var sender = new Activity("command").SetIdFormat(ActivityIdFormat.W3C).Start();
        await host.UntilGoneAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id);
        seen.ShouldBe(sender.TraceId);
    }

    private IQueue? hostQueue;

    public async ValueTask InitializeAsync() => place = await open();

    public async ValueTask DisposeAsync() => await place.DisposeAsync();

    private async Task<WorkingHost> StartAsync(Action<SuretyBuilder> configure, Action<IServiceCollection>? services = null)
    {
        var host = await WorkingHost.StartAsync(configure, place, collection =>
        {
            collection.AddSingleton(pings).AddSingleton(pongs);
            services?.Invoke(collection);
        });
        hostQueue = host.Queue;
        return host;
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    [Message("test.renamed", Version = 3)]
    public sealed record Renamed(string Label);

    public sealed class ScopeMark;

    public sealed class Scoped(Script<Ping> script, ScopeMark mark, ConcurrentDictionary<int, bool> scopes) : IHandler<Ping>
    {
        public Task<Outcome> HandleAsync(Delivery<Ping> delivery, CancellationToken cancellationToken)
        {
            scopes[System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(mark)] = true;
            return script.RunAsync(delivery, null, cancellationToken);
        }
    }

    public sealed class BatchScript(int? throwOn = null, bool answerOne = false)
    {
        public ConcurrentQueue<int> Done { get; } = [];
        public ConcurrentQueue<int> Sizes { get; } = [];

        public IReadOnlyList<Outcome> Run(IReadOnlyList<Delivery<Ping>> deliveries)
        {
            Sizes.Enqueue(deliveries.Count);
            if (deliveries.Any(d => d.Message.Number == throwOn)) throw new InvalidOperationException("poison");
            foreach (var delivery in deliveries) Done.Enqueue(delivery.Message.Number);
            return answerOne ? [Outcome.Done] : [.. deliveries.Select(_ => Outcome.Done)];
        }
    }

    public sealed class Batch(BatchScript script) : IBatchHandler<Ping>
    {
        public Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Ping>> deliveries, CancellationToken cancellationToken) =>
            Task.FromResult(script.Run(deliveries));
    }

    public sealed class MeetingBatch(Barrier meeting) : IBatchHandler<Ping>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Ping>> deliveries, CancellationToken cancellationToken)
        {
            if (!await Task.Run(() => meeting.SignalAndWait(TimeSpan.FromSeconds(5)), cancellationToken))
                throw new TimeoutException("The other batch did not begin.");
            return [.. deliveries.Select(_ => Outcome.Done)];
        }
    }

    public sealed class Closing(ConcurrentQueue<bool> closed) : IDisposable
    {
        public string Door { get; } = "open";

        public void Dispose() => closed.Enqueue(true);
    }

    public sealed class HastyBatch(Closing closing) : IBatchHandler<Ping>
    {
        public Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Ping>> deliveries, CancellationToken cancellationToken) =>
            throw new InvalidOperationException($"The door is {closing.Door}.");
    }

    public sealed class TransactionalBatch : ITransactionalBatchHandler<Ping>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(
            IReadOnlyList<Delivery<Ping>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
        {
            foreach (var delivery in deliveries)
                await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({delivery.Message.Number})");
            return [.. deliveries.Select(d => d.Message.Number == 13 ? Outcome.Reject("poison") : Outcome.Done)];
        }
    }
}
