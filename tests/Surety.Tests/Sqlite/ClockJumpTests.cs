using System.Security.Cryptography;
using Shouldly;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Sqlite;

/// <summary>The wall clock jumps, ahead and back; what is kept for a while is kept for as long as it was to be, and no longer.</summary>
public sealed class ClockJumpTests : StoreContract<SqliteFixture>
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);
    private static readonly byte[] Key = SHA256.HashData("key"u8);

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task A_clock_that_jumps_makes_no_idempotency_key_act_again_nor_last_longer(int days)
    {
        await AnswerAsync();
        Clock.Jump(Day * days);
        (await Store.Idempotency.PruneAsync(10, default)).ShouldBe(0);
        (await StateAsync()).ShouldBe(KeyState.Answered);

        Clock.Advance(Day - Tick);
        (await Store.Idempotency.PruneAsync(10, default)).ShouldBe(0);
        (await StateAsync()).ShouldBe(KeyState.Answered);
        Clock.Advance(Tick);
        (await StateAsync()).ShouldBe(KeyState.Taken);
        (await Store.Idempotency.PruneAsync(10, default)).ShouldBe(1);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task A_clock_that_jumps_ends_no_window_of_a_unique_key(int days)
    {
        var unique = Message() with { UniqueKey = "u", UniqueFor = Day };
        var first = await EnqueueAsync(unique);
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).Done())).ShouldBeTrue();
        Clock.Jump(Day * days);
        await Store.Messages.PruneAsync(10, default);
        (await EnqueueAsync(unique)).ShouldBe(first);
        Clock.Advance(Day - Tick);
        (await EnqueueAsync(unique)).ShouldBe(first);
        Clock.Advance(Tick);
        (await EnqueueAsync(unique)).ShouldNotBe(first);
    }

    [Theory]
    [InlineData(3650)]
    [InlineData(-3650)]
    public async Task A_clock_that_jumps_takes_no_finished_message_away(int days)
    {
        var node = await JoinAsync();
        var done = await EnqueueAsync(Message() with { Tracked = true });
        (await SettleAsync((await ClaimOneAsync(node)).Done())).ShouldBeTrue();
        var cancelled = await EnqueueAsync();
        await Store.Messages.CancelAsync(cancelled, "why", null, default);
        var discarded = await DeadAsync(node);
        (await Store.DeadLetters.DiscardAsync(discarded, "why")).ShouldBeTrue();
        var dead = await DeadAsync(node);

        Clock.Jump(Day * days);
        (await Store.Messages.PruneAsync(10, default)).ShouldBe(0);
        Clock.Advance(Endings.Retention > new QueueOptions().Retention ? Endings.Retention : new QueueOptions().Retention);
        (await Store.Messages.PruneAsync(10, default)).ShouldBe(3);
        foreach (var id in new[] { done, cancelled, discarded }) (await FindAsync(id)).ShouldBeNull();
        (await StatusAsync(dead)).ShouldBe(MessageStatus.Dead);
    }

    [Theory]
    [InlineData(365)]
    [InlineData(-365)]
    public async Task A_clock_that_jumps_ends_no_upload_and_its_client_is_told_the_instant_by_the_new_time(int days)
    {
        var begun = (await Store.Uploads.AddAsync(
            new NewUpload { Id = "0a", Route = "/files", Owner = "ada", Length = 10, Metadata = new Dictionary<string, string>() },
            Day, 1, default)).ShouldNotBeNull();
        begun.ExpiresAt.ShouldBe(Clock.Now + Day);
        Clock.Jump(Day * days);
        (await Store.Uploads.DueAsync(10, default)).ShouldBeEmpty();
        var writer = (await Store.Uploads.TakeAsync("0a", "/files", "ada", 0, default)).ShouldNotBeNull().Writer;
        (await Store.Uploads.AdvanceAsync("0a", new UploadStep(writer, 0, 5, Blob: null), default)).ShouldBeTrue();
        (await Store.Uploads.FindAsync("0a", default)).ShouldNotBeNull()
            .ShouldSatisfyAllConditions(u => u.State.ShouldBe(UploadState.Open), u => u.ExpiresAt.ShouldBe(Clock.Now + Day));
        // It still counts as one of its owner's.
        (await Store.Uploads.AddAsync(
            new NewUpload { Id = "0b", Route = "/files", Owner = "ada", Metadata = new Dictionary<string, string>() }, Day, 1, default))
            .ShouldBeNull();

        Clock.Advance(Day);
        (await Store.Uploads.AdvanceAsync("0a", new UploadStep(writer, 5, 10, Blob: null), default)).ShouldBeFalse();
        (await Store.Uploads.DueAsync(10, default)).ShouldHaveSingleItem().State.ShouldBe(UploadState.Expired);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(-60)]
    [InlineData(86_400)]
    [InlineData(-86_400)]
    public async Task A_clock_that_jumps_gives_no_window_of_a_quota_twice_and_shuts_nobody_out(int seconds)
    {
        var minute = TimeSpan.FromMinutes(1);
        (await LeaseAsync(10)).Granted.ShouldBe(10);
        Clock.Jump(TimeSpan.FromSeconds(seconds));
        (await Store.Quotas.PruneAsync(10, default)).ShouldBe(0);
        (await LeaseAsync(1)).ShouldBe(new LeasedPermits(0, 0, minute));
        Clock.Advance(minute);
        (await LeaseAsync(10)).Granted.ShouldBe(10);

        ValueTask<LeasedPermits> LeaseAsync(int want) => Store.Quotas.LeaseAsync(new byte[] { 1 }, want, 10, minute, default);
    }

    [Theory]
    [InlineData(365)]
    [InlineData(-365)]
    public async Task A_clock_that_jumps_ends_no_lease_and_makes_none_longer(int days)
    {
        var node = await JoinAsync();
        Clock.Jump(Day * days);
        (await Store.Messages.RescueAsync(10, default)).Nodes.ShouldBeEmpty();
        (await Store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeTrue();
        Clock.Jump(-Day * days);
        Clock.Advance(Lease - Tick);
        (await Store.Messages.RescueAsync(10, default)).Nodes.ShouldBeEmpty();
        Clock.Advance(Tick);
        (await Store.Messages.RescueAsync(10, default)).Nodes.ShouldHaveSingleItem();
    }

    /// <summary>Processes that have the file open at once, and one that opens it later, agree to the millisecond.</summary>
    [Fact]
    public async Task Every_process_of_a_machine_reads_the_same_time_however_wrong_its_wall_clock_is()
    {
        await AnswerAsync();
        Clock.Jump(Day * 30);
        var second = await Fixture.OpenAsync(Clock);
        Clock.Advance(Day - Tick);
        Clock.Jump(-Day * 60);
        var third = await Fixture.OpenAsync(Clock);
        foreach (var store in new[] { Store, second, third }) (await StateAsync(store)).ShouldBe(KeyState.Answered);
        Clock.Advance(Tick);
        foreach (var store in new[] { Store, second, third }) (await StateAsync(store)).ShouldBe(KeyState.Taken);
    }

    [Fact]
    public void The_steady_clock_goes_on_by_time_that_has_passed_and_by_nothing_else()
    {
        const long wall = 1_800_000_000_000, otherWall = 42;
        var noted = new SteadyNote(5_000, 1_000, "boot");
        SteadyClock.At(null, "boot", 1_000, wall).ShouldBe(wall, "a new file begins with the wall clock");
        SteadyClock.At(noted, "boot", 1_000, otherWall).ShouldBe(5_000);
        SteadyClock.At(noted, "boot", 9_000, otherWall).ShouldBe(
            13_000, "the same start of the machine: what has passed, whoever had the file open");
        SteadyClock.At(noted, "another", 9_000, otherWall).ShouldBe(5_000, "a restart, or another machine: nobody knows how long it was");
        SteadyClock.At(noted, "boot", 999, otherWall).ShouldBe(5_000, "a restart of a machine whose starts have no names");
        // There, the count that began anew may have overtaken the note; it counts what has passed since the start, which is less than what
        // has passed since the note.
        SteadyClock.At(noted, "boot", 1_500, otherWall).ShouldBe(5_500);
    }

    [Fact]
    public async Task A_restart_of_the_machine_is_a_pause()
    {
        await using var file = new DatabaseFile();
        var began = default(DateTimeOffset);
        await OpenedAsync("first start", async store =>
        {
            began = store.Steady;
            file.Clock.Advance(TimeSpan.FromHours(1));
            var node = (await store.Nodes.JoinAsync("node", Lease, default)).ShouldNotBeNull();
            (await store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeTrue();
            // Not noted: no more than the time from one heartbeat to the next.
            file.Clock.Advance(TimeSpan.FromSeconds(5));
        });
        file.Clock.Advance(Day);
        (await PassedAsync("second start")).ShouldBe(TimeSpan.FromHours(1));
        file.Clock.Advance(TimeSpan.FromMinutes(1));
        (await PassedAsync("second start")).ShouldBe(TimeSpan.FromMinutes(61));

        async Task<TimeSpan> PassedAsync(string boot)
        {
            var passed = default(TimeSpan);
            await OpenedAsync(boot, store =>
            {
                passed = store.Steady - began;
                return Task.CompletedTask;
            });
            return passed;
        }

        async Task OpenedAsync(string boot, Func<SqliteStore, Task> then)
        {
            await using var store = new SqliteStore($"Data Source={file.Path}", file.Clock, new SqliteOptions(), boot);
            await store.OpenAsync(default);
            await then(store);
        }
    }

    private async Task AnswerAsync()
    {
        await using var work = await Store.Database.BeginAsync();
        (await Store.Idempotency.TakeAsync(Key, work, default)).State.ShouldBe(KeyState.Taken);
        await Store.Idempotency.AnswerAsync(
            Key, new KeyRecord(new StoredAnswer(201, new Dictionary<string, string>(), Bytes("{}")), new byte[32], Day), work, default);
        await work.CommitAsync();
    }

    private async Task<KeyState> StateAsync(OpenStore? store = null)
    {
        await using var work = await (store ?? Store).Database.BeginAsync();
        return (await (store ?? Store).Idempotency.TakeAsync(Key, work, default)).State;
    }
}
