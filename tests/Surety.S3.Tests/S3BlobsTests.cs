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
        return base.DisposeAsync();
    }

    [Fact]
    public async Task One_that_goes_on_again_and_again_leaves_two_tails_at_most()
    {
        var segment = new BlobSegment(Id, 1);
        for (var i = 0; i < 6; i++)
        {
            segment = await WriteAsync(segment, Bytes(6).AsMemory(i, 1));
            (await KeysAsync()).Count.ShouldBeLessThanOrEqualTo(2);
        }

        (await ReadAsync(segment)).ShouldBe(Bytes(6));
    }

    [Fact]
    public async Task A_segment_goes_on_with_the_size_of_parts_it_began_with()
    {
        var bytes = Bytes(22_000_000);
        var segment = await WriteAsync(new(Id, 1), bytes.AsMemory(0, 9_000_000));
        using var other = new S3Blobs(Options(partBytes: 5 << 20));
        await other.OpenAsync("5701e", default);
        await using (var writer = await other.AppendAsync(segment, default))
        {
            await FeedAsync(writer, bytes.AsMemory(9_000_000));
            segment = segment with { Length = await writer.CloseAsync(default), Note = writer.Note };
        }

        ShouldBeSame(await ReadAsync(segment), bytes);
        await using var rest = await other.ReadAsync(segment, 21_999_990, default);
        var last = new byte[10];
        await rest.ReadExactlyAsync(last);
        last.ShouldBe(bytes[^10..]);
    }

    [Fact]
    public async Task What_a_version_before_this_one_completed_is_read_and_deleted()
    {
        using (var client = swift.Client())
        {
            foreach (var name in new[] { Id, Id + ".tail-10" })
            {
                var content = new MemoryStream(Bytes(10));
                await client.PutObjectAsync(
                    new()
                    {
                        BucketName = SwiftServer.Bucket, Key = $"{prefix}5701e/{name}", InputStream = content, UseChunkEncoding = false,
                    });
            }
        }

        (await ReadAsync(new(Id, 0, 10, "the-id-of-a-multipart-upload"), 3)).ShouldBe(Bytes(10)[3..]);
        (await ListAsync()).ShouldBe([Id]);
        await Blobs.DeleteAsync(Id, default);
        (await KeysAsync()).ShouldBeEmpty();
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
        foreach (var name in new[] { "Bucket", "SecretKey", "PartBytes", "ServiceUrl" })
            faults.ShouldContain(f => f.Contains(name, StringComparison.Ordinal), name);
    }

    protected override IBlobStore Open()
    {
        opened.Add(new S3Blobs(Options()));
        return opened[^1];
    }

    private S3BlobOptions Options(string bucket = SwiftServer.Bucket, string secret = SwiftServer.SecretKey, int partBytes = 8 << 20) =>
        new()
        {
            Bucket = bucket, Prefix = prefix, ServiceUrl = swift.Address, AccessKey = SwiftServer.AccessKey, SecretKey = secret,
            PartBytes = partBytes,
        };

    private async Task<List<string>> KeysAsync()
    {
        using var client = swift.Client();
        return [.. ((await client.ListObjectsV2Async(new() { BucketName = SwiftServer.Bucket, Prefix = prefix })).S3Objects ?? []).Select(
            o => o.Key)];
    }
}
