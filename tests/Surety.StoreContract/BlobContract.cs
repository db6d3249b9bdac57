using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>What every blob store does. A test project derives it with a store of its own.</summary>
public abstract class BlobContract : IAsyncLifetime
{
    private const string Id = "00ff00ff";

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
        var blob = await CreateAsync();
        long offset = 0;
        foreach (var end in new[] { 1, 7_000_000, 7_000_001, bytes.Length - 3, bytes.Length })
        {
            await using var writer = await Blobs.AppendAsync(blob, offset, default);
            await WriteAsync(writer, bytes.AsMemory((int)offset, end - (int)offset));
            offset = await writer.SyncAsync(default);
            offset.ShouldBe(end);
        }

        await Blobs.CompleteAsync(blob, bytes.Length, default);
        (await ReadAsync(0)).ShouldBe(bytes);
        (await ReadAsync(15_000_000)).ShouldBe(bytes[15_000_000..]);
    }

    [Fact]
    public async Task Another_process_goes_on_where_the_last_sync_was_and_the_rest_is_discarded()
    {
        var bytes = Bytes(9_000_000);
        var blob = await CreateAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 0, default))
        {
            await WriteAsync(writer, bytes.AsMemory(0, 1_000));
            (await writer.SyncAsync(default)).ShouldBe(1_000);
            await WriteAsync(writer, Bytes(8_500_000, seed: 9));
        }

        await RestartAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 1_000, default))
        {
            await WriteAsync(writer, bytes.AsMemory(1_000));
            (await writer.SyncAsync(default)).ShouldBe(bytes.Length);
        }

        await Blobs.CompleteAsync(blob, bytes.Length, default);
        (await ReadAsync(0)).ShouldBe(bytes);
    }

    [Fact]
    public async Task A_checkpoint_is_where_another_process_can_go_on()
    {
        var bytes = Bytes(Much);
        var blob = await CreateAsync();
        long durable;
        await using (var writer = await Blobs.AppendAsync(blob, 0, default))
        {
            await WriteAsync(writer, bytes.AsMemory(0, Much - 5));
            durable = await writer.CheckpointAsync(default);
        }

        durable.ShouldBeInRange(8 << 20, Much - 5);
        await RestartAsync();
        await using (var writer = await Blobs.AppendAsync(blob, durable, default))
        {
            await WriteAsync(writer, bytes.AsMemory((int)durable));
            await writer.SyncAsync(default);
        }

        await Blobs.CompleteAsync(blob, bytes.Length, default);
        (await ReadAsync(0)).ShouldBe(bytes);
    }

    [Fact]
    public async Task Nothing_can_be_read_that_is_not_whole()
    {
        var blob = await CreateAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 0, default))
        {
            await WriteAsync(writer, Bytes(100));
            await writer.SyncAsync(default);
        }

        await Should.ThrowAsync<StoreException>(() => ReadAsync(0));
        await Blobs.CompleteAsync(blob, 100, default);
        (await ReadAsync(0)).Length.ShouldBe(100);
    }

    [Fact]
    public async Task Completing_again_changes_nothing()
    {
        var blob = await CreateAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 0, default))
        {
            await WriteAsync(writer, Bytes(100));
            await writer.SyncAsync(default);
        }

        await Blobs.CompleteAsync(blob, 100, default);
        await RestartAsync();
        await Blobs.CompleteAsync(blob, 100, default);
        (await ReadAsync(0)).ShouldBe(Bytes(100));
    }

    [Fact]
    public async Task An_empty_blob_is_a_blob()
    {
        var blob = await CreateAsync();
        await Blobs.CompleteAsync(blob, 0, default);
        (await ReadAsync(0)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_blob_is_deleted_at_any_point_of_its_life()
    {
        var begun = await CreateAsync("01");
        var half = await CreateAsync("02");
        await using (var writer = await Blobs.AppendAsync(half, 0, default))
        {
            await WriteAsync(writer, Bytes(9_000_000));
            await writer.SyncAsync(default);
        }

        var whole = await CreateAsync("03");
        await Blobs.CompleteAsync(whole, 0, default);
        (await ListAsync()).ShouldContain("03");
        foreach (var blob in new[] { begun, half, whole, new BlobName("04") })
        {
            await Blobs.DeleteAsync(blob with { Note = null }, default);
            await Blobs.DeleteAsync(blob, default);
        }

        (await ListAsync()).ShouldBeEmpty();
        await Should.ThrowAsync<StoreException>(() => ReadAsync(0, "03"));
    }

    protected async Task<BlobName> CreateAsync(string id = Id) => new(id, await Blobs.CreateAsync(id, default));

    protected static byte[] Bytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected static async Task WriteAsync(BlobWriter writer, ReadOnlyMemory<byte> bytes)
    {
        for (; bytes.Length > 0; bytes = bytes[Math.Min(bytes.Length, 65_536)..]) await writer.WriteAsync(bytes[..Math.Min(bytes.Length, 65_536)], default);
    }

    protected async Task<byte[]> ReadAsync(long from, string id = Id)
    {
        await using var content = await Blobs.ReadAsync(id, from, default);
        using var bytes = new MemoryStream();
        await content.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    protected async Task<List<string>> ListAsync()
    {
        var ids = new List<string>();
        await foreach (var (id, _) in Blobs.ListAsync(default)) ids.Add(id);
        return ids;
    }

    private async Task RestartAsync()
    {
        Blobs = Open();
        await Blobs.OpenAsync("5701e", default);
    }
}
