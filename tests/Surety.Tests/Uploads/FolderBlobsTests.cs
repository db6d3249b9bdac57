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
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Two_cannot_write_one_file()
    {
        var blob = await CreateAsync();
        await using var first = await Blobs.AppendAsync(blob, 0, default);
        var other = Open();
        await other.OpenAsync("5701e", default);
        (await Should.ThrowAsync<StoreException>(async () => await other.AppendAsync(blob, 0, default))).IsTransient.ShouldBeTrue();
    }

    [Fact]
    public async Task A_file_that_lost_bytes_is_not_written_on()
    {
        var blob = await CreateAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 0, default)) await WriteAsync(writer, Bytes(10));
        var lost = await Should.ThrowAsync<StoreException>(async () => await Blobs.AppendAsync(blob, 20, default));
        lost.IsTransient.ShouldBeFalse();
        lost.Message.ShouldContain("20 were acknowledged");
    }

    [Fact]
    public async Task Another_stores_files_are_neither_seen_nor_deleted()
    {
        var whole = await CreateAsync("0a");
        await Blobs.CompleteAsync(whole, 0, default);
        var other = Open();
        await other.OpenAsync("07e12", default);
        var seen = new List<string>();
        await foreach (var (id, _) in other.ListAsync(default)) seen.Add(id);
        seen.ShouldBeEmpty();
        await other.DeleteAsync(whole, default);
        (await ReadAsync(0, "0a")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_said_to_be_so()
    {
        var file = Path.Combine(folder, "file");
        await File.WriteAllTextAsync(file, "");
        var fault = await Should.ThrowAsync<StoreException>(async () => await new FolderBlobs(Path.Combine(file, "inside")).OpenAsync("5701e", default));
        fault.Message.ShouldContain("the folder inside cannot be used");
    }

    [Fact]
    public async Task Nodes_that_share_a_folder_may_start_at_the_same_moment()
    {
        var nodes = Enumerable.Range(0, 8).Select(_ => Open()).ToList();
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, cancel) => await nodes[i % nodes.Count].OpenAsync("5701e", cancel));
        Directory.EnumerateFileSystemEntries(Path.Combine(folder, "5701e")).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_no_id_does_not_reach_the_file_system() =>
        await Should.ThrowAsync<ArgumentException>(async () => await Blobs.ReadAsync("../../etc/passwd", 0, default));

    protected override IBlobStore Open() => new FolderBlobs(folder);
}
