using Surety.Storage;
using Surety.StoreContract;

namespace Surety.S3.Tests;

/// <summary>The suite of every place uploads can be kept in, on an S3 server, and what only such a place can do.</summary>
[Collection("swift")]
public sealed class S3BlobsTests(SwiftServer swift) : BlobContract
{
    private readonly List<S3Blobs> opened = [];
    private readonly string prefix = $"t{Interlocked.Increment(ref tests)}/";
    private static int tests;

    public override ValueTask DisposeAsync()
    {
        foreach (var blobs in opened) blobs.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task What_was_sent_but_never_acknowledged_is_not_part_of_the_whole()
    {
        var bytes = Bytes(8 << 20);
        var blob = await CreateAsync();
        await using (var writer = await Blobs.AppendAsync(blob, 0, default))
        {
            await WriteAsync(writer, bytes);
            (await writer.CheckpointAsync(default)).ShouldBe(8 << 20);
            // Killed behind the second part: nobody was told of it.
            await WriteAsync(writer, Bytes(8 << 20, seed: 2));
        }

        await Blobs.CompleteAsync(blob, 8 << 20, default);
        (await ReadAsync(0)).ShouldBe(bytes);
    }

    [Fact]
    public async Task One_that_goes_on_leaves_one_tail_and_a_whole_one_none()
    {
        var blob = await CreateAsync();
        for (var offset = 0; offset < 5; offset++)
        {
            await using var writer = await Blobs.AppendAsync(blob, offset, default);
            await WriteAsync(writer, Bytes(5).AsMemory(offset, 1));
            await writer.SyncAsync(default);
        }

        (await KeysAsync()).Count(k => k.Contains(".tail-", StringComparison.Ordinal)).ShouldBeLessThanOrEqualTo(2);
        await Blobs.CompleteAsync(blob, 5, default);
        (await KeysAsync()).ShouldHaveSingleItem().ShouldEndWith("/00ff00ff");
        (await ReadAsync(0)).ShouldBe(Bytes(5));
    }

    [Fact]
    public async Task A_bucket_or_a_key_that_is_not_good_is_said_to_be_so()
    {
        foreach (var options in new[] { Options(bucket: "no-such-bucket"), Options(secret: "wrong") })
        {
            using var blobs = new S3Blobs(options);
            var fault = await Should.ThrowAsync<StoreException>(async () => await blobs.OpenAsync("5701e", default));
            fault.Kind.ShouldBe(FailureKind.Unavailable);
            fault.Message.ShouldContain($"the bucket {options.Bucket} cannot be used");
            fault.Message.ShouldNotContain(options.SecretKey!);
        }
    }

    [Fact]
    public void Every_fault_of_the_options_is_named()
    {
        var faults = new S3BlobOptions { AccessKey = "a", PartBytes = 5, ServiceUrl = new Uri("x", UriKind.Relative) }.Faults().ToList();
        foreach (var name in new[] { "Bucket", "SecretKey", "PartBytes", "ServiceUrl" }) faults.ShouldContain(f => f.Contains(name, StringComparison.Ordinal), name);
    }

    protected override IBlobStore Open()
    {
        opened.Add(new S3Blobs(Options()));
        return opened[^1];
    }

    private S3BlobOptions Options(string bucket = SwiftServer.Bucket, string secret = SwiftServer.SecretKey) =>
        new() { Bucket = bucket, Prefix = prefix, ServiceUrl = swift.Address, AccessKey = SwiftServer.AccessKey, SecretKey = secret };

    private async Task<List<string>> KeysAsync()
    {
        using var client = swift.Client();
        return [.. ((await client.ListObjectsV2Async(new() { BucketName = SwiftServer.Bucket, Prefix = prefix })).S3Objects ?? []).Select(o => o.Key)];
    }
}
