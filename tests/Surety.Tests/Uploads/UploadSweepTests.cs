using System.Data.Common;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Surety.Coordination;
using Surety.Intake;
using Surety.Operations;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Sqlite;

namespace Surety.Tests.Uploads;

/// <summary>Nothing is kept that nobody needs, and nothing is deleted that somebody does.</summary>
public sealed class UploadSweepTests : IAsyncLifetime
{
    private const string Id = "00ff00ff";
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly ManualTime clock = new();
    private readonly SqliteFixture fixture = new();
    private readonly string folder = Directory.CreateTempSubdirectory("surety-sweep-").FullName;
    private readonly SuretyOptions options = new();
    private OpenStore store = null!;
    private FolderBlobs blobs = null!;
    private Intake.Uploads uploads = null!;
    private UploadSweep sweep = null!;

    public async ValueTask InitializeAsync()
    {
        store = await fixture.OpenAsync(clock);
        blobs = new FolderBlobs(folder);
        await blobs.OpenAsync("5701e", default);
        uploads = new Intake.Uploads(store.Uploads, blobs, new Queue(store), store.Database, new UploadLocks());
        sweep = new UploadSweep(options, store.Uploads, blobs, store.Reader, new Supervisor(options, clock, NullLogger<Supervisor>.Instance), clock, NullLogger<UploadSweep>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        sweep.Dispose();
        await fixture.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task An_upload_that_was_not_finished_in_time_loses_its_bytes_and_is_remembered_for_a_day()
    {
        await BeginAsync("half");
        await sweep.SweepAsync(default);
        Files.ShouldHaveSingleItem();
        clock.Advance(Day);
        await sweep.SweepAsync(default);
        Files.ShouldBeEmpty();
        (await FindAsync())!.State.ShouldBe(UploadState.Expired);
        clock.Advance(Day);
        await sweep.SweepAsync(default);
        (await FindAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task What_is_completed_while_the_sweep_takes_it_for_expired_keeps_its_content()
    {
        var upload = await BeginAsync("whole", length: 5);
        clock.Advance(Day);
        using var late = new UploadSweep(
            options, LateStore.Over(store.Uploads, () => FinishAsync(upload)), blobs, store.Reader,
            new Supervisor(options, clock, NullLogger<Supervisor>.Instance), clock, NullLogger<UploadSweep>.Instance);
        await late.SweepAsync(default);
        (await FindAsync())!.State.ShouldBe(UploadState.Complete);
        await (await uploads.OpenAsync(Id)).DisposeAsync();
    }

    [Fact]
    public async Task Content_stays_until_its_message_has_been_handled()
    {
        var upload = await CompleteAsync();
        clock.Advance(TimeSpan.FromDays(100));
        await sweep.SweepAsync(default);
        Files.ShouldHaveSingleItem();
        await (await uploads.OpenAsync(Id)).DisposeAsync();

        await EndAsync(upload, dead: false);
        clock.Advance(TimeSpan.FromMinutes(1));
        await sweep.SweepAsync(default);
        Files.ShouldBeEmpty();
        (await FindAsync())!.State.ShouldBe(UploadState.Consumed);
        await Should.ThrowAsync<RejectException>(async () => await uploads.OpenAsync(Id));
        (await uploads.FindAsync(Id)).ShouldBeNull();
    }

    [Fact]
    public async Task A_dead_letter_keeps_its_content()
    {
        await EndAsync(await CompleteAsync(), dead: true);
        clock.Advance(TimeSpan.FromDays(100));
        await sweep.SweepAsync(default);
        Files.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Content_stays_as_much_longer_as_was_asked_for()
    {
        options.KeepUploads = TimeSpan.FromHours(2);
        await EndAsync(await CompleteAsync(), dead: false);
        await sweep.SweepAsync(default);
        (await FindAsync())!.State.ShouldBe(UploadState.Handled);
        clock.Advance(TimeSpan.FromHours(1));
        await sweep.SweepAsync(default);
        Files.ShouldHaveSingleItem();
        await (await uploads.OpenAsync(Id)).DisposeAsync();
        clock.Advance(TimeSpan.FromHours(1));
        await sweep.SweepAsync(default);
        Files.ShouldBeEmpty();
        (await FindAsync())!.State.ShouldBe(UploadState.Consumed);
    }

    [Fact]
    public async Task A_node_whose_clock_is_days_ahead_deletes_nothing_early()
    {
        options.KeepUploads = TimeSpan.FromHours(2);
        await EndAsync(await CompleteAsync(), dead: false);
        var ahead = new ManualTime();
        ahead.Jump(3 * Day);
        using var hasty = new UploadSweep(
            options, store.Uploads, blobs, store.Reader, new Supervisor(options, ahead, NullLogger<Supervisor>.Instance), ahead,
            NullLogger<UploadSweep>.Instance);
        await hasty.SweepAsync(default);
        await hasty.SweepAsync(default);
        Files.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Bytes_that_a_crash_left_behind_go_before_their_row_does()
    {
        // Taken back, and killed before its bytes were deleted.
        await BeginAsync("half");
        (await store.Uploads.EndAsync(Id, UploadState.Open, UploadState.Deleted, Day, default)).ShouldBeTrue();
        Files.ShouldHaveSingleItem();
        clock.Advance(Day);
        await sweep.SweepAsync(default);
        Files.ShouldBeEmpty();
        (await FindAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_blob_that_no_upload_knows_of_is_deleted_once_it_is_old()
    {
        await CompleteAsync();
        foreach (var orphan in new[] { "0a", "0b" })
        {
            await using var writer = await blobs.AppendAsync(new BlobSegment(orphan, 1), default);
            await writer.CloseAsync(default);
        }

        Directory.SetLastWriteTimeUtc(Path.Combine(folder, "5701e", "0a.parts"), clock.Now.UtcDateTime - TimeSpan.FromMinutes(59));
        Directory.SetLastWriteTimeUtc(Path.Combine(folder, "5701e", "0b.parts"), clock.Now.UtcDateTime - TimeSpan.FromMinutes(61));
        Directory.SetLastWriteTimeUtc(Path.Combine(folder, "5701e", Id + ".parts"), clock.Now.UtcDateTime - Day);
        await sweep.DeleteOrphansAsync(default);
        Files.Order().ShouldBe([Id + ".parts", "0a.parts"]);
    }

    private IEnumerable<string> Files => Directory.EnumerateFileSystemEntries(Path.Combine(folder, "5701e"))
        .Select(f => Path.GetFileName(f)!);

    private ValueTask<UploadRecord?> FindAsync() => store.Uploads.FindAsync(Id, default);

    private async Task<UploadRecord> BeginAsync(string content, long? length = 100)
    {
        var upload = (await uploads.BeginAsync(new NewUpload { Id = Id, Route = "/files", Owner = "ada", Length = length, Metadata = new Dictionary<string, string>() }, Day, 10, default)).ShouldNotBeNull();
        upload = (await uploads.TakeAsync(Id, "/files", "ada", 0, default)).ShouldNotBeNull();
        (await uploads.WriteAsync(upload, new MemoryStream(Encoding.UTF8.GetBytes(content)), 100, null, default)).Offset.ShouldBe(content.Length);
        return (await FindAsync())!;
    }

    private async Task<UploadRecord> CompleteAsync()
    {
        return await FinishAsync(await BeginAsync("whole", length: 5));
    }

    private async Task<UploadRecord> FinishAsync(UploadRecord upload)
    {
        var done = await uploads.CompleteAsync(upload, null, _ => new Envelope("a message"), () => Task.FromResult(true), null, default);
        done.Kind.ShouldBe(CompletionKind.Complete);
        return done.Upload;
    }

    private async Task EndAsync(UploadRecord upload, bool dead)
    {
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromDays(1000), default)).ShouldNotBeNull();
        var claimed = (await store.Messages.ClaimAsync(node, [new QueueDemand("files", 10)], default)).ShouldNotBeNull().ShouldHaveSingleItem();
        claimed.Claim.Id.ShouldBe(upload.Message!.Value);
        (await store.Messages.SettleAsync([dead ? claimed.Reject("bad") : claimed.Done()], null, default)).ShouldBe([true]);
    }

    /// <summary>The store, where something happens between a look for what is due and what is done about that.</summary>
    public class LateStore : DispatchProxy
    {
        private IUploadStore store = null!;
        private Func<Task> meanwhile = null!;

        internal static IUploadStore Over(IUploadStore store, Func<Task> meanwhile)
        {
            var proxy = Create<IUploadStore, LateStore>();
            ((LateStore)(object)proxy).store = store;
            ((LateStore)(object)proxy).meanwhile = meanwhile;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            targetMethod!.Name == nameof(IUploadStore.DueAsync) ? new ValueTask<IReadOnlyList<UploadRecord>>(DueAsync((int)args![0]!)) : targetMethod.Invoke(store, args);

        private async Task<IReadOnlyList<UploadRecord>> DueAsync(int limit)
        {
            var due = await store.DueAsync(limit, default);
            await meanwhile();
            return due;
        }
    }

    /// <summary>A queue whose messages are all alike.</summary>
    private sealed class Queue(OpenStore store) : IQueue
    {
        public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(IReadOnlyList<Envelope> messages, DbTransaction? transaction = null, CancellationToken cancel = default) =>
            store.Messages.EnqueueAsync([.. messages.Select(_ => new NewMessage { Kind = "file", Version = 1, Queue = "files", Body = Encoding.UTF8.GetBytes("{}"), Tracked = true })], transaction, cancel);
    }
}
