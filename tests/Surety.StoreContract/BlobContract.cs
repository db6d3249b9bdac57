using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>What every blob store does. A test project derives it with a store of its own.</summary>
public abstract class BlobContract : IAsyncLifetime
{
    protected const string Id = "00ff00ff";

    protected IBlobStore Blobs { get; private set; } = null!;

    /// <summary>A store, as a process that has just started would open it; the same data each time.</summary>
    protected abstract IBlobStore Open();

    /// <summary>So much is more than the store keeps at once.</summary>
    protected virtual int Much => 20_000_000;

    public virtual async ValueTask InitializeAsync() => await RestartAsync();

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task What_was_written_in_pieces_is_read_as_one()
    {
        var bytes = Bytes(Much);
        var segment = new BlobSegment(Id, 1);
        foreach (var end in new[] { 1, 7_000_000, 7_000_001, bytes.Length - 3, bytes.Length })
        {
            segment = await WriteAsync(segment, bytes.AsMemory((int)segment.Length, end - (int)segment.Length));
            segment.Length.ShouldBe(end);
        }

        ShouldBeSame(await ReadAsync(segment), bytes);
        ShouldBeSame(await ReadAsync(segment, 15_000_000), bytes[15_000_000..]);
    }

    [Fact]
    public async Task Another_process_goes_on_where_the_one_before_closed()
    {
        var bytes = Bytes(9_000_000);
        var segment = await WriteAsync(new(Id, 1), bytes.AsMemory(0, 1_000));
        await RestartAsync();
        ShouldBeSame(await ReadAsync(await WriteAsync(segment, bytes.AsMemory(1_000))), bytes);
    }

    [Fact]
    public async Task A_checkpoint_is_what_another_process_can_read()
    {
        var bytes = Bytes(Much);
        BlobSegment segment;
        await using (var writer = await Blobs.AppendAsync(new(Id, 1), default))
        {
            await FeedAsync(writer, bytes.AsMemory(0, Much - 5));
            segment = new(Id, 1, await writer.CheckpointAsync(default), writer.Note);
        }

        segment.Length.ShouldBeInRange(8 << 20, Much - 5);
        await RestartAsync();
        ShouldBeSame(await ReadAsync(segment), bytes[..(int)segment.Length]);
        var rest = await WriteAsync(new(Id, 2), bytes.AsMemory((int)segment.Length));
        ShouldBeSame(await ReadAsync(rest), bytes[(int)segment.Length..]);
    }

    // The writer of before was frozen for any time, wherever it was. It knows nothing of the newer one, and does all it can do.
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(9_000_000)]
    public async Task An_old_writer_that_wakes_up_changes_nothing_that_was_acknowledged(int acknowledged)
    {
        var bytes = Bytes(Much);
        var segment = new BlobSegment(Id, 1);
        if (acknowledged > 0) segment = await WriteAsync(segment, bytes.AsMemory(0, acknowledged));
        await using var opened = await Blobs.AppendAsync(segment, default);
        await using var halfway = await Blobs.AppendAsync(new(Id, 2), default);
        await FeedAsync(halfway, Bytes(8_500_000, seed: 8));

        await RestartAsync();
        BlobSegment[] counting = acknowledged > 0 ? [segment] : [];
        await Blobs.TidyAsync(Id, counting, below: 3, default);
        var rest = await WriteAsync(new(Id, 3), bytes.AsMemory(acknowledged));
        await ShouldBeWholeAsync();

        foreach (var old in new[] { opened, halfway })
        {
            await TryAsync(async () => await FeedAsync(old, Bytes(Much, seed: 9)));
            await TryAsync(async () => await old.CheckpointAsync(default));
            await ShouldBeWholeAsync();
            await TryAsync(async () => await old.CloseAsync(default));
            await old.DisposeAsync();
        }

        // One that comes to its tidying only now, and one that opens only now.
        await Blobs.TidyAsync(Id, counting, below: 2, default);
        await TryAsync(async () => await WriteAsync(new BlobSegment(Id, 2), Bytes(100, seed: 10)));
        await ShouldBeWholeAsync();

        async Task ShouldBeWholeAsync()
        {
            byte[] read = [.. acknowledged > 0 ? await ReadAsync(segment) : [], .. await ReadAsync(rest)];
            ShouldBeSame(read, bytes);
        }
    }

    [Fact]
    public async Task Tidying_leaves_what_counts_and_what_newer_writers_have_and_nothing_else()
    {
        var first = await WriteAsync(new(Id, 1), Bytes(9_000_000));
        await using (var more = await Blobs.AppendAsync(first, default)) await FeedAsync(more, Bytes(9_000_000, seed: 2));
        await WriteAsync(new(Id, 2), Bytes(100));
        var third = await WriteAsync(new(Id, 3), Bytes(200));
        var newer = await WriteAsync(new(Id, 5), Bytes(300));
        await Blobs.TidyAsync(Id, [first, third], below: 5, default);
        ShouldBeSame(await ReadAsync(first), Bytes(9_000_000));
        ShouldBeSame(await ReadAsync(third), Bytes(200));
        ShouldBeSame(await ReadAsync(newer), Bytes(300));
        await Should.ThrowAsync<StoreException>(() => ReadAsync(new(Id, 2, 100)));
        await Should.ThrowAsync<StoreException>(() => ReadAsync(first with { Length = 18_000_000 }, 17_000_000));
        await Blobs.TidyAsync("0123", [], below: 9, default);
    }

    [Fact]
    public async Task What_is_missing_is_said_to_be()
    {
        await Should.ThrowAsync<StoreException>(() => ReadAsync(new(Id, 1, 100)));
        await Should.ThrowAsync<StoreException>(() => ReadAsync(new(Id, 0, 100)));
    }

    [Fact]
    public async Task A_blob_is_deleted_at_any_point_of_its_life()
    {
        await WriteAsync(new("01", 1), Bytes(10));
        await WriteAsync(new("02", 1), Bytes(9_000_000));
        var segment = await WriteAsync(new("02", 4), Bytes(9_000_000));
        var neighbour = await WriteAsync(new("022", 1), Bytes(3));
        await using var writer = await Blobs.AppendAsync(new("03", 1), default);
        await FeedAsync(writer, Bytes(9_000_000));
        (await ListAsync()).ShouldBe(["01", "02", "022", "03"], ignoreOrder: true);
        foreach (var id in new[] { "01", "02", "03", "04", "02" }) await Blobs.DeleteAsync(id, default);

        (await ListAsync()).ShouldBe(["022"]);
        await Should.ThrowAsync<StoreException>(() => ReadAsync(segment));
        ShouldBeSame(await ReadAsync(neighbour), Bytes(3));
    }

    protected static byte[] Bytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Writes on with one writer, and closes it.</summary>
    /// <returns>What is recorded of it.</returns>
    protected async Task<BlobSegment> WriteAsync(BlobSegment segment, ReadOnlyMemory<byte> bytes)
    {
        await using var writer = await Blobs.AppendAsync(segment, default);
        await FeedAsync(writer, bytes);
        return segment with { Length = await writer.CloseAsync(default), Note = writer.Note };
    }

    protected static async Task FeedAsync(BlobWriter writer, ReadOnlyMemory<byte> bytes)
    {
        for (; bytes.Length > 0; bytes = bytes[Math.Min(bytes.Length, 65_536)..])
            await writer.WriteAsync(bytes[..Math.Min(bytes.Length, 65_536)], default);
    }

    protected async Task<byte[]> ReadAsync(BlobSegment segment, long from = 0)
    {
        await using var content = await Blobs.ReadAsync(segment, from, default);
        var bytes = new byte[segment.Length - from];
        await content.ReadExactlyAsync(bytes);
        return bytes;
    }

    /// <summary>Millions of bytes are compared here, which one by one takes minutes.</summary>
    protected static void ShouldBeSame(byte[] read, byte[] expected)
    {
        read.Length.ShouldBe(expected.Length);
        read.AsSpan().CommonPrefixLength(expected).ShouldBe(expected.Length);
    }

    protected async Task<List<string>> ListAsync()
    {
        var ids = new List<string>();
        await foreach (var (id, _) in Blobs.ListAsync(default)) ids.Add(id);
        return ids;
    }

    // It may fail, or not: nobody listens to it any more.
    private static async Task TryAsync(Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (StoreException)
        {
        }
    }

    private async Task RestartAsync()
    {
        Blobs = Open();
        await Blobs.OpenAsync("5701e", default);
    }
}
