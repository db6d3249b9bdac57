using Shouldly;
using Surety.Intake;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Uploads;

public sealed class FolderBlobsTests : BlobContract
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-blobs-").FullName;

    public override ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return base.DisposeAsync();
    }

    [Fact]
    public async Task A_file_that_lost_bytes_is_neither_written_on_nor_read()
    {
        var segment = await WriteAsync(new(Id, 1), Bytes(10));
        var longer = segment with { Length = 20 };
        foreach (var use in new Func<Task>[] { async () => await Blobs.AppendAsync(longer, default), () => ReadAsync(longer) })
        {
            var lost = await Should.ThrowAsync<StoreException>(use);
            lost.IsTransient.ShouldBeFalse();
            lost.Message.ShouldContain("20 were acknowledged");
        }
    }

    // A process that is frozen keeps whatever lock it has.
    [Fact]
    public async Task A_file_that_a_frozen_writer_still_holds_open_is_read_and_tidied()
    {
        var segment = await WriteAsync(new(Id, 1), Bytes(10));
        await using var frozen = await Blobs.AppendAsync(segment, default);
        await FeedAsync(frozen, Bytes(1_000, seed: 2));
        var other = Open();
        await other.OpenAsync("5701e", default);
        await other.TidyAsync(Id, [segment], below: 3, default);
        new FileInfo(Path.Combine(folder, "5701e", Id + ".parts", "1")).Length.ShouldBe(10);
        (await ReadAsync(segment)).ShouldBe(Bytes(10));
    }

    [Fact]
    public async Task What_a_version_before_this_one_wrote_is_read_and_deleted()
    {
        var home = Path.Combine(folder, "5701e");
        await File.WriteAllBytesAsync(Path.Combine(home, "0a"), Bytes(10));
        await File.WriteAllBytesAsync(Path.Combine(home, "0b.part"), Bytes(30));
        (await ReadAsync(new("0a", 0, 10))).ShouldBe(Bytes(10));
        (await ReadAsync(new("0b", 0, 20), 5)).ShouldBe(Bytes(30)[5..20]);
        (await ListAsync()).ShouldBe(["0a", "0b"], ignoreOrder: true);
        foreach (var id in new[] { "0a", "0b" }) await Blobs.DeleteAsync(id, default);
        Directory.EnumerateFileSystemEntries(home).ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_stores_files_are_neither_seen_nor_deleted()
    {
        var segment = await WriteAsync(new("0a", 1), Bytes(10));
        var other = Open();
        await other.OpenAsync("07e12", default);
        var seen = new List<string>();
        await foreach (var (id, _) in other.ListAsync(default)) seen.Add(id);
        seen.ShouldBeEmpty();
        await other.DeleteAsync("0a", default);
        (await ReadAsync(segment)).ShouldBe(Bytes(10));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_said_to_be_so()
    {
        var file = Path.Combine(folder, "file");
        await File.WriteAllTextAsync(file, "");
        var fault = await Should.ThrowAsync<StoreException>(
            async () => await new FolderBlobs(Path.Combine(file, "inside")).OpenAsync("5701e", default));
        fault.Message.ShouldContain("the folder inside cannot be used");
    }

    [Fact]
    public async Task Nodes_that_share_a_folder_may_start_at_the_same_moment()
    {
        var nodes = Enumerable.Range(0, 8).Select(_ => Open()).ToList();
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, cancel) =>
            await nodes[i % nodes.Count].OpenAsync("5701e", cancel));
        Directory.EnumerateFileSystemEntries(Path.Combine(folder, "5701e")).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_no_id_does_not_reach_the_file_system() =>
        await Should.ThrowAsync<ArgumentException>(async () => await Blobs.ReadAsync(new("../../etc/passwd", 0, 1), 0, default));

    protected override IBlobStore Open() => new FolderBlobs(folder);
}
