using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Hosting;
using Surety.StoreContract;

namespace Surety.Tests.Processing;

public sealed class SqliteTextTests() : TextTests(SqlitePlace.OpenAsync);

public sealed class PostgresTextTests() : TextTests(PostgresPlace.OpenAsync);

/// <summary>Whatever a handler or a caller says, the message ends, and says the same as far as a database can.</summary>
public abstract class TextTests(Func<Task<Place>> open) : IAsyncLifetime
{
    private static readonly int Count = Counts.Of(1_000);
    private static readonly EnqueueOptions Tracked = new() { Tracked = true };
    private readonly Script<Ping> pings = new();
    private readonly Script<Pong> pongs = new();
    private Place place = null!;

    public async ValueTask InitializeAsync() => place = await open();

    public async ValueTask DisposeAsync() => await place.DisposeAsync();

    [Fact]
    public async Task Whatever_a_handler_says_its_message_ends_and_says_it()
    {
        var texts = Texts.Any.Many(Count);
        pings.Act = (d, _, _) =>
        {
            var text = texts[d.Message.Number / Ways];
            if (d.Attempt == 1) d.ReportProgress(1, null, text, text);
            return (d.Message.Number % Ways) switch
            {
                0 => throw new InvalidOperationException(text),
                1 => Task.FromResult(Outcome.Reject(text)),
                2 => Task.FromResult(Outcome.Cancel(text)),
                3 => Task.FromResult(Outcome.DoneWith(text, "text/plain")),
                _ => Task.FromResult(d.Attempt == 1 ? Outcome.Retry(text) : Outcome.Snooze(TimeSpan.FromHours(1), text)),
            };
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Queue(
            "default", q => q.Retry = Retry.Fixed(5, TimeSpan.Zero).On<InvalidOperationException>(Retry.Never)));
        var ids = (await host.Queue.EnqueueAsync(
            [.. Enumerable.Range(0, texts.Count * Ways).Select(i => new Envelope(new Ping(i), Tracked))])).Select(e => e.Id).ToList();
        MessageStatus[] ends =
            [MessageStatus.Dead, MessageStatus.Dead, MessageStatus.Cancelled, MessageStatus.Succeeded, MessageStatus.Retrying];
        for (var i = 0; i < ids.Count; i++)
        {
            var info = await host.UntilAsync(ids[i], ends[i % Ways]);
            var text = texts[i / Ways];
            info.Progress.ShouldBe(new Progress(1, null, StoredText.Cut(text, 40), StoredText.Cut(text, 200)));
            if (i % Ways == 3) info.Result.ShouldBe(new JobResult(Texts.Kept(text), "text/plain"));
            else info.Reason.ShouldBe(StoredText.Cut(text, 500), $"{i % Ways}");
            if (i % Ways == 0) info.Attempts[^1].Error.ShouldNotBeNull().Length.ShouldBeLessThanOrEqualTo(8_000);
        }
    }

    [Theory]
    [InlineData(0x1F600)]
    [InlineData(0xD83D)]
    [InlineData(0)]
    public async Task A_failure_whose_text_is_cut_in_the_middle_of_a_character_dies_with_its_follow_up(int code)
    {
        var end = (code > char.MaxValue ? char.ConvertFromUtf32(code) : ((char)code).ToString()) + " more";
        pings.Act = (_, _, _) => throw new InvalidOperationException(new string('x', 498) + end);
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>()
            .Handle<Pong, Plain<Pong>>().OnDead<Ping>(p => new Pong(p.Number)).Queue("default", q => q.Retry = Retry.Never));
        var info = await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(1))).Id, MessageStatus.Dead);
        info.Reason.ShouldNotBeNull().ShouldStartWith(new string('x', 498));
        Texts.IsWhole(info.Reason).ShouldBeTrue();
        await WorkingHost.UntilAsync(() => Task.FromResult(pongs.Seen.Count == 1));
    }

    [Fact]
    public async Task Progress_of_any_text_is_seen_while_the_handler_runs_and_a_cancellation_still_arrives()
    {
        var begun = new TaskCompletionSource();
        pings.Act = async (d, _, cancel) =>
        {
            d.ReportProgress(1, 2, "half \ud83d", new string('x', 198) + "😀 more");
            begun.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            return Outcome.Done;
        };
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>());
        var id = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;
        await begun.Task;
        await WorkingHost.UntilAsync(async () => (await host.Messages.FindAsync(id))?.Progress is not null);
        (await host.Messages.FindAsync(id))!.Progress.ShouldBe(new Progress(1, 2, "half \ufffd", new string('x', 198) + "…"));
        (await host.Messages.CancelAsync(id, new string('y', 499) + "😀 \0")).ShouldBe(CancelAnswer.Requested);
        (await host.UntilAsync(id, MessageStatus.Cancelled)).Reason.ShouldBe(new string('y', 499) + "…");
        host.Get<SuretyHealth>().Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_name_that_no_database_keeps_is_refused_at_the_call_and_nothing_is_stored()
    {
        await using var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.Work = false));
        foreach (var text in (string[])["a\ud83d", "\ude00a", "a\0b"])
        {
            EnqueueOptions[] bad =
            [
                new() { OrderingKey = text }, new() { UniqueKey = text }, new() { Owner = text }, new() { Queue = text },
                new() { Headers = new Dictionary<string, string> { [text] = "value" } }, new()
                {
                    Headers = new Dictionary<string, string> { ["name"] = text },
                },
            ];
            foreach (var options in bad)
                await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(new Ping(1), options));
            // Nobody can have such a name, so nothing is found by it, and nothing is done.
            (await host.Messages.ListAsync(new MessageFilter { Owner = text })).Items.ShouldBeEmpty();
            (await host.DeadLetters.RequeueAsync(new MessageFilter { Cause = text })).ShouldBe(0);
        }

        (await host.Messages.ListAsync(new MessageFilter())).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_payload_says_what_JSON_can_say()
    {
        var seen = new TaskCompletionSource<string>();
        var letters = new Script<Letter>
        {
            Act = (d, _, _) =>
            {
                seen.SetResult(d.Message.Text);
                return Task.FromResult(Outcome.Done);
            },
        };
        await using var host = await StartAsync(s => s.Handle<Letter, Plain<Letter>>(), services => services.AddSingleton(letters));
        await host.Queue.EnqueueAsync(new Letter("nul \0, whole 😀, half \ud83d."));
        // The serializer has no halves of characters, and says U+FFFD instead; U+0000 it can say.
        (await seen.Task.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("nul \0, whole 😀, half \ufffd.");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_outcome_that_the_store_always_refuses_ends_as_a_dead_letter_with_a_plain_reason_and_its_follow_up(bool dies)
    {
        pings.Act = (d, _, _) => Task.FromResult(
            d.Message.Number != 1 ? Outcome.Done : dies ? Outcome.Reject("unwanted") : Outcome.DoneWith("unwanted", "text/plain"));
        await using var host = await StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Handle<Pong, Plain<Pong>>("follow").OnDead<Ping>(p => new Pong(p.Number)));
        foreach (var statement in Refusing) await host.ExecuteAsync(statement);
        var ids = (await host.Queue.EnqueueAsync([.. Enumerable.Range(0, 3).Select(i => new Envelope(new Ping(i), Tracked))]))
            .Select(e => e.Id).ToList();
        var info = await host.UntilAsync(ids[1], MessageStatus.Dead);
        info.Reason.ShouldNotBeNull().ShouldStartWith(
            "The outcome of this attempt (" + (dies ? "reject" : "done") + ") could not be stored: ");
        info.Cause.ShouldNotBeNull().ShouldStartWith("outcome not stored: ");
        info.Result.ShouldBeNull();
        await WorkingHost.UntilAsync(() => Task.FromResult(pongs.Seen.Select(d => d.Message.Number).SequenceEqual([1])));
        // Its neighbours are not held up, and not given up.
        foreach (var id in (MessageId[])[ids[0], ids[2]]) await host.UntilAsync(id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task A_drain_does_not_wait_its_whole_limit_for_an_outcome_that_is_always_refused()
    {
        var handled = new TaskCompletionSource();
        pings.Act = (_, _, _) =>
        {
            handled.TrySetResult();
            return Task.FromResult(Outcome.DoneWith("unwanted", "text/plain"));
        };
        MessageId id;
        await using (var host = await StartAsync(s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.DrainLimit = TimeSpan.FromMinutes(2))))
        {
            foreach (var statement in Refusing) await host.ExecuteAsync(statement);
            id = (await host.Queue.EnqueueAsync(new Ping(1), Tracked)).Id;
            await handled.Task;
            var began = Stopwatch.GetTimestamp();
            await host.Host.StopAsync();
            // Three tries, and the pauses between them.
            Stopwatch.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(20));
        }

        await using var later = await StartAsync(s => s.Configure(o => o.Work = false));
        (await later.Messages.FindAsync(id)).ShouldNotBeNull().Status.ShouldBe(MessageStatus.Dead);
    }

    private const int Ways = 5;

    /// <summary>What makes the store refuse one outcome for good, as a text without characters for it once did.</summary>
    private string[] Refusing => place is SqlitePlace
        ? ["CREATE TRIGGER refuse BEFORE UPDATE ON surety_message WHEN NEW.result = 'unwanted' OR NEW.reason = 'unwanted' BEGIN SELECT "
            + "RAISE(ABORT, 'it does not want that'); END"]
        :
        [
            $"""
            CREATE FUNCTION {((PostgresPlace)place).Schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN
                IF NEW.result = 'unwanted' OR NEW.reason = 'unwanted' THEN
                    RAISE EXCEPTION 'it does not want that' USING ERRCODE = '22000';
                END IF;
                RETURN NEW;
            END$$
            """,
            $"CREATE TRIGGER refuse BEFORE UPDATE ON {((PostgresPlace)place).Schema}.message FOR EACH ROW EXECUTE FUNCTION "
                + $"{((PostgresPlace)place).Schema}.refuse()",
        ];

    private Task<WorkingHost> StartAsync(Action<SuretyBuilder> configure, Action<IServiceCollection>? services = null) =>
        WorkingHost.StartAsync(configure, place, s =>
    {
        s.AddSingleton(pings).AddSingleton(pongs);
        services?.Invoke(s);
    });
}

[Message("test.letter")]
public sealed record Letter(string Text);
