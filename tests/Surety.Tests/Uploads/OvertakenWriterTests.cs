using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Surety.Intake;
using Surety.Operations;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Postgres;
using Surety.Tests.Sqlite;

namespace Surety.Tests.Uploads;

public sealed class SqliteOvertakenWriterTests : OvertakenWriterTests<SqliteFixture>;
public sealed class PostgresOvertakenWriterTests : OvertakenWriterTests<PostgresFixture>;

/// <summary>
/// Two nodes on one store and one folder, of which one is frozen anywhere in its work on an upload and wakes up when the other is done.
/// </summary>
public abstract class OvertakenWriterTests<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private const string Id = "00ff00ff";
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly string folder = Directory.CreateTempSubdirectory("surety-overtaken-").FullName;
    private readonly byte[] bytes = new byte[20_000_000];
    private FolderBlobs blobs = null!;
    private UploadIntake slow = null!, fast = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        new Random(7).NextBytes(bytes);
        blobs = new FolderBlobs(folder);
        await blobs.OpenAsync("5701e", default);
        slow = new UploadIntake(Store.Uploads, blobs, new Queue(Store), Store.Database, new UploadLocks(), Failpoints.OfProcess);
        fast = new UploadIntake(Store.Uploads, blobs, new Queue(Store), Store.Database, new UploadLocks(), Failpoints.OfProcess);
        var metadata = new Dictionary<string, string>();
        var upload = new NewUpload { Id = Id, Route = "/files", Owner = "ada", Length = bytes.Length, Metadata = metadata };
        (await fast.BeginAsync(upload, Day, 10, default)).ShouldNotBeNull();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The node read its row, and so believes that nothing is there, when the other one has completed the upload.</summary>
    [Fact]
    public async Task One_that_read_its_row_before_the_upload_was_completed_changes_nothing()
    {
        var taken = await TakeAsync(slow, 0);
        await CompleteAsync(await WriteAsync(fast, 0, bytes.Length));
        var written = await slow.WriteAsync(taken, new MemoryStream(Other(bytes.Length)), bytes.Length, null, default);
        (written.Lost, written.Offset).ShouldBe((true, 0));
        await ShouldBeWholeAsync();
    }

    /// <summary>Frozen with its file open and bytes in it, at each of many places.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(70_000)]
    [InlineData(9_000_000)]
    [InlineData(19_000_000)]
    public async Task One_that_wakes_up_in_the_middle_of_its_bytes_changes_nothing(int frozenAt)
    {
        // It goes on in a segment that was handed over to it: the file has acknowledged bytes of others, too.
        await WriteAsync(fast, 0, 1_000);
        var taken = await TakeAsync(slow, 1_000);
        var body = new FrozenStream(bytes.AsMemory(1_000, frozenAt), Other(bytes.Length));
        var writing = slow.WriteAsync(taken, body, bytes.Length - 1_000, null, default);
        await body.Frozen.Task.WaitAsync(Patience);

        var offset = (await LookAsync()).Offset;
        offset.ShouldBeGreaterThanOrEqualTo(1_000);
        await CompleteAsync(await WriteAsync(fast, offset, bytes.Length));
        body.Wake();
        (await writing).Lost.ShouldBeTrue();
        await ShouldBeWholeAsync();
    }

    [Fact]
    public async Task What_was_acknowledged_stays_through_any_number_of_takeovers_and_nothing_else_stays_on_the_disk()
    {
        var frozen = new List<(FrozenStream Body, Task<Written> Writing)>();
        for (long offset = 0; offset < bytes.Length; offset = (await LookAsync()).Offset)
        {
            var body = new FrozenStream(bytes.AsMemory((int)offset, (int)Math.Min(9_000_000, bytes.Length - offset)), Other(1_000_000));
            frozen.Add((body, slow.WriteAsync(await TakeAsync(slow, offset), body, bytes.Length - offset, null, default)));
            await body.Frozen.Task.WaitAsync(Patience);
            var now = (await LookAsync()).Offset;
            now.ShouldBeGreaterThanOrEqualTo(offset);
            await WriteAsync(fast, now, Math.Min(now + 300_000, bytes.Length));
        }

        await CompleteAsync(await LookAsync());
        // The newest first: each older one finds newer ones below it.
        for (var i = frozen.Count - 1; i >= 0; i--)
        {
            frozen[i].Body.Wake();
            (await frozen[i].Writing).Lost.ShouldBeTrue();
        }

        frozen.Count.ShouldBeGreaterThan(2);
        await ShouldBeWholeAsync();
        await blobs.DeleteAsync(Id, default);
        Files.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_chunk_that_did_not_match_leaves_nothing_that_the_next_one_would_be_read_with()
    {
        await WriteAsync(fast, 0, 1_000);
        var taken = await TakeAsync(slow, 1_000);
        using (var checksum = new Checksum(HashAlgorithmName.SHA256, new byte[32]))
        {
            var written = await slow.WriteAsync(taken, new MemoryStream(Other(9_000_000)), bytes.Length, checksum, default);
            (written.Mismatch, written.Offset).ShouldBe((true, 1_000));
        }

        await CompleteAsync(await WriteAsync(fast, 1_000, bytes.Length));
        Files.Sum(f => new FileInfo(f).Length).ShouldBe(bytes.Length);
        await ShouldBeWholeAsync();
    }

    [Fact]
    public async Task Requests_that_follow_each_other_share_a_file_and_those_that_bring_nothing_cost_none()
    {
        for (var offset = 0; offset < bytes.Length; offset += 2_000_000)
        {
            await WriteAsync(fast, offset, offset);
            await WriteAsync(offset % 4_000_000 == 0 ? fast : slow, offset, offset + 2_000_000);
        }

        Files.ShouldHaveSingleItem();
        await CompleteAsync(await LookAsync());
        await ShouldBeWholeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_whose_upload_was_taken_back_or_expired_meanwhile_is_told_so_and_leaves_nothing(bool expired)
    {
        var taken = await TakeAsync(slow, 0);
        var body = new FrozenStream(bytes.AsMemory(0, 5_000_000), Other(5_000_000));
        var writing = slow.WriteAsync(taken, body, bytes.Length, null, default);
        await body.Frozen.Task.WaitAsync(Patience);
        var supervised = new UploadSweep(
            new SuretyOptions(), Store.Uploads, blobs, Store.Reader, Clock, NullLogger<UploadSweep>.Instance);
        if (expired)
        {
            Clock.Advance(Day);
            await supervised.SweepAsync(default);
        }
        else
        {
            (await fast.DeleteAsync(await LookAsync(), default)).ShouldBeTrue();
        }

        Files.ShouldBeEmpty();
        body.Wake();
        (await writing).Lost.ShouldBeTrue();
        // And one that opens its file only now.
        (await slow.WriteAsync(taken, new MemoryStream(Other(10)), bytes.Length, null, default)).Lost.ShouldBeTrue();
        var upload = await LookAsync();
        (upload.State, upload.Offset).ShouldBe((expired ? UploadState.Expired : UploadState.Deleted, 0));
        Clock.Advance(Day);
        await supervised.SweepAsync(default);
        Files.ShouldBeEmpty();
    }

    [Fact]
    public async Task Of_many_that_complete_at_once_one_does_and_none_fails()
    {
        var upload = await WriteAsync(fast, 0, bytes.Length);
        var done = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(i => Task.Run(() => CompletingAsync(i % 2 == 0 ? slow : fast, upload))));
        done.Count(d => d.Kind == CompletionKind.Complete).ShouldBe(1);
        done.Count(d => d.Kind == CompletionKind.Lost).ShouldBe(5);
        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem();
        await ShouldBeWholeAsync();
    }

    [Fact]
    public async Task Nothing_can_be_read_that_is_not_complete()
    {
        var upload = await WriteAsync(fast, 0, bytes.Length);
        (await fast.FindAsync(Id)).ShouldBeNull();
        await Should.ThrowAsync<RejectException>(async () => await fast.OpenAsync(Id));
        await CompleteAsync(upload);
        await (await fast.OpenAsync(Id)).DisposeAsync();
    }

    /// <summary>Frozen before it read the content back: the job has run since, and the content is gone.</summary>
    [Fact]
    public async Task One_that_completes_what_was_completed_handled_and_deleted_meanwhile_is_told_so()
    {
        var upload = await WriteAsync(fast, 0, bytes.Length);
        await CompleteAsync(upload);
        (await Store.Uploads.EndAsync(Id, UploadState.Complete, UploadState.Consumed, Day, default)).ShouldBeTrue();
        await blobs.DeleteAsync(Id, default);
        (await CompletingAsync(slow, upload)).Kind.ShouldBe(CompletionKind.Lost);
    }

    private IEnumerable<string> Files => Directory.EnumerateFiles(Path.Combine(folder, "5701e"), "*", SearchOption.AllDirectories);

    /// <summary>As long as the content, and nowhere the same.</summary>
    private byte[] Other(int count) => [.. bytes.Take(count).Select(b => (byte)~b)];

    private async Task<UploadRecord> LookAsync() => (await fast.LookAsync(Id, default)).ShouldNotBeNull();

    private static async Task<UploadRecord> TakeAsync(UploadIntake node, long offset)
    {
        var taken = (await node.TakeAsync(Id, "/files", "ada", offset, default)).ShouldNotBeNull();
        taken.Writer.ShouldBeGreaterThan(0);
        return taken;
    }

    private async Task<UploadRecord> WriteAsync(UploadIntake node, long from, long to)
    {
        var written = await node.WriteAsync(
            await TakeAsync(node, from), new MemoryStream(bytes, (int)from, (int)(to - from)), bytes.Length - from, null, default);
        written.ShouldSatisfyAllConditions(w => w.Lost.ShouldBeFalse(), w => w.Broken.ShouldBeNull(), w => w.Offset.ShouldBe(to));
        return written.Upload;
    }

    private static Task<Completion> CompletingAsync(UploadIntake node, UploadRecord upload) =>
        node.CompleteAsync(upload, null, _ => new Envelope("a message"), () => Task.FromResult(true), null, default);

    private async Task CompleteAsync(UploadRecord upload) => (await CompletingAsync(fast, upload)).Kind.ShouldBe(CompletionKind.Complete);

    private async Task ShouldBeWholeAsync()
    {
        var upload = await LookAsync();
        upload.State.ShouldBe(UploadState.Complete);
        upload.Sha256.ToArray().ShouldBe(SHA256.HashData(bytes));
        await using var content = await fast.OpenAsync(Id);
        content.Length.ShouldBe(bytes.Length);
        (await SHA256.HashDataAsync(content)).ShouldBe(SHA256.HashData(bytes));
    }

    /// <summary>A request's body that stops in its middle until it is woken up, and then goes on with something else.</summary>
    private sealed class FrozenStream(ReadOnlyMemory<byte> first, byte[] then) : Stream
    {
        private readonly TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ReadOnlyMemory<byte> rest = first;
        private bool isAwake;

        public TaskCompletionSource Frozen { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Wake() => woken.SetResult();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (rest.Length == 0 && !isAwake)
            {
                Frozen.TrySetResult();
                await woken.Task;
                (isAwake, rest) = (true, then);
            }

            var count = Math.Min(buffer.Length, rest.Length);
            rest[..count].CopyTo(buffer);
            rest = rest[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    private sealed class Queue(OpenStore store) : IQueue
    {
        public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
            IReadOnlyList<Envelope> messages, DbTransaction? transaction = null, CancellationToken cancellationToken = default) =>
            store.Messages.EnqueueAsync([.. messages.Select(_ => File)], transaction, cancellationToken);

        private static NewMessage File => new()
        {
            Kind = "file", Version = 1, Queue = "files", Body = Encoding.UTF8.GetBytes("{}"), Tracked = true,
        };
    }
}
