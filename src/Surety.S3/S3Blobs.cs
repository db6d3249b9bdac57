using System.Net;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Surety.Storage;

namespace Surety.S3;

/// <summary>
/// A blob is a multipart upload until it is whole. Parts are of one size, so the part that a byte belongs to follows from its place, and whoever goes on needs to know nothing but the offset. What
/// does not fill a part yet (the tail) is an object of its own, named after the offset it ends at; so any node can go on, and none keeps anything.
/// </summary>
internal sealed class S3Blobs(S3BlobOptions options) : IBlobStore, IDisposable
{
    private const int MostParts = 10_000;

    private readonly AmazonS3Client client = Connect(options);
    private string home = "";

    public string Place => $"the bucket {options.Bucket}";

    public long MaxBytes => (long)MostParts * options.PartBytes;

    public async ValueTask OpenAsync(string storeId, CancellationToken cancel)
    {
        home = $"{options.Prefix}{storeId}/";
        await TryAsync("cannot be used", async () =>
        {
            await PutAsync(home + ".probe", new MemoryStream(), cancel);
            await client.DeleteObjectAsync(options.Bucket, home + ".probe", cancel);
            return true;
        });
    }

    public async ValueTask<string?> CreateAsync(string id, CancellationToken cancel) =>
        await TryAsync("does not take an upload", async () => (await client.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest { BucketName = options.Bucket, Key = Key(id) }, cancel)).UploadId);

    public async ValueTask<BlobWriter> AppendAsync(BlobName blob, long offset, CancellationToken cancel) => await TryAsync("does not take an upload", async () =>
    {
        var upload = blob.Note ?? throw new StoreException("An upload was never begun in the bucket: its process died before. It cannot go on.");
        var writer = new S3Writer(this, blob.Id, upload, offset);
        try
        {
            await writer.LoadTailAsync(cancel);
            await DeleteTailsAsync(blob.Id, keep: TailKey(blob.Id, offset), cancel);
            return (BlobWriter)writer;
        }
        catch
        {
            await writer.DisposeAsync();
            throw;
        }
    });

    public async ValueTask CompleteAsync(BlobName blob, long length, CancellationToken cancel) => await TryAsync("cannot complete an upload", async () =>
    {
        if (await LengthAsync(blob.Id, cancel) != length)
        {
            var upload = blob.Note ?? throw new StoreException("An upload was never begun in the bucket: its process died before. It cannot go on.");
            if (length == 0) await PutAsync(Key(blob.Id), new MemoryStream(), cancel);
            else await CompleteAsync(blob.Id, upload, length, cancel);
            if (length == 0) await AbortAsync(blob.Id, upload, cancel);
        }

        await DeleteTailsAsync(blob.Id, keep: null, cancel);
        return true;
    });

    public async ValueTask<Stream> ReadAsync(string id, long from, CancellationToken cancel) => await TryAsync("cannot be read", async () =>
    {
        var request = new GetObjectRequest { BucketName = options.Bucket, Key = Key(id) };
        if (from > 0) request.ByteRange = new ByteRange(from, long.MaxValue);
        try
        {
            return (await client.GetObjectAsync(request, cancel)).ResponseStream;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return Stream.Null;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw new StoreException($"The content of upload {id} is missing from {Place}.", innerException: e);
        }
    });

    public async ValueTask DeleteAsync(BlobName blob, CancellationToken cancel) => await TryAsync("cannot delete an upload", async () =>
    {
        if (blob.Note is { } upload) await AbortAsync(blob.Id, upload, cancel);
        else
        {
            await foreach (var (key, begun, _) in BegunAsync(Key(blob.Id), cancel))
            {
                if (key == Key(blob.Id)) await AbortAsync(blob.Id, begun, cancel);
            }
        }

        await client.DeleteObjectAsync(options.Bucket, Key(blob.Id), cancel);
        await DeleteTailsAsync(blob.Id, keep: null, cancel);
        return true;
    });

    public async IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var (key, changedAt) in ObjectsAsync(home, cancel))
        {
            var id = key[home.Length..].Split(".tail-")[0];
            if (IsId(id) && seen.Add(id)) yield return (id, changedAt);
        }

        await foreach (var (key, _, begunAt) in BegunAsync(home, cancel))
        {
            if (IsId(key[home.Length..]) && seen.Add(key[home.Length..])) yield return (key[home.Length..], begunAt);
        }
    }

    public void Dispose() => client.Dispose();

    internal int PartBytes => options.PartBytes;

    internal Task<bool> UploadPartAsync(string id, string upload, int number, Stream part, CancellationToken cancel) => TryAsync("does not take a part of an upload", async () =>
    {
        await client.UploadPartAsync(
            new UploadPartRequest
            {
                BucketName = options.Bucket, Key = Key(id), UploadId = upload, PartNumber = number, InputStream = part, PartSize = part.Length, UseChunkEncoding = false,
            },
            cancel);
        return true;
    });

    internal Task<bool> PutTailAsync(string id, long offset, Stream tail, CancellationToken cancel) => TryAsync("does not take the end of an upload", () => PutAsync(TailKey(id, offset), tail, cancel));

    internal Task<bool> GetTailAsync(string id, long offset, Memory<byte> tail, CancellationToken cancel) => TryAsync("cannot be read", async () =>
    {
        try
        {
            using var answer = await client.GetObjectAsync(options.Bucket, TailKey(id, offset), cancel);
            await using var content = answer.ResponseStream;
            await content.ReadExactlyAsync(tail, cancel);
            return true;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            throw new StoreException($"The end of an upload is missing from {Place}, although {offset} bytes were acknowledged: it was deleted by hand. The upload cannot go on.", innerException: e);
        }
    });

    private async Task CompleteAsync(string id, string upload, long length, CancellationToken cancel)
    {
        var (full, rest) = ((int)(length / PartBytes), (int)(length % PartBytes));
        if (rest > 0)
        {
            var tail = new byte[rest];
            await GetTailAsync(id, length, tail, cancel);
            using var content = new MemoryStream(tail);
            await UploadPartAsync(id, upload, full + 1, content, cancel);
        }

        // Of the parts there are, those up to the length: whoever was cut off may have sent more than was ever acknowledged.
        var parts = await PartsAsync(id, upload, full + (rest > 0 ? 1 : 0), cancel);
        var stored = parts.Sum(p => p.Size ?? 0);
        if (stored != length) throw new StoreException($"{Place} holds {stored} bytes of an upload of which {length} were acknowledged: parts were deleted by hand. The upload cannot be completed.");
        await client.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest { BucketName = options.Bucket, Key = Key(id), UploadId = upload, PartETags = [.. parts.Select(p => new PartETag(p.PartNumber ?? 0, p.ETag))] }, cancel);
    }

    private async Task<List<PartDetail>> PartsAsync(string id, string upload, int last, CancellationToken cancel)
    {
        var parts = new List<PartDetail>();
        var request = new ListPartsRequest { BucketName = options.Bucket, Key = Key(id), UploadId = upload };
        while (true)
        {
            var page = await client.ListPartsAsync(request, cancel);
            parts.AddRange((page.Parts ?? []).Where(p => p.PartNumber <= last));
            if (page.IsTruncated != true) return parts;
            request.PartNumberMarker = page.NextPartNumberMarker?.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private async Task<long?> LengthAsync(string id, CancellationToken cancel)
    {
        try
        {
            return (await client.GetObjectMetadataAsync(options.Bucket, Key(id), cancel)).ContentLength;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    private async Task<bool> PutAsync(string key, Stream content, CancellationToken cancel)
    {
        await client.PutObjectAsync(new PutObjectRequest { BucketName = options.Bucket, Key = key, InputStream = content, UseChunkEncoding = false }, cancel);
        return true;
    }

    private async Task AbortAsync(string id, string upload, CancellationToken cancel)
    {
        try
        {
            await client.AbortMultipartUploadAsync(options.Bucket, Key(id), upload, cancel);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // Completed, or aborted before.
        }
    }

    private async Task DeleteTailsAsync(string id, string? keep, CancellationToken cancel)
    {
        await foreach (var (key, _) in ObjectsAsync($"{Key(id)}.tail-", cancel))
        {
            if (key != keep) await client.DeleteObjectAsync(options.Bucket, key, cancel);
        }
    }

    private async IAsyncEnumerable<(string Key, DateTimeOffset ChangedAt)> ObjectsAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var request = new ListObjectsV2Request { BucketName = options.Bucket, Prefix = prefix };
        while (true)
        {
            var page = await TryAsync("cannot be listed", () => client.ListObjectsV2Async(request, cancel));
            foreach (var found in page.S3Objects ?? []) yield return (found.Key, Utc(found.LastModified));
            if (page.IsTruncated != true) yield break;
            request.ContinuationToken = page.NextContinuationToken;
        }
    }

    private async IAsyncEnumerable<(string Key, string Upload, DateTimeOffset BegunAt)> BegunAsync(string prefix, [EnumeratorCancellation] CancellationToken cancel)
    {
        var request = new ListMultipartUploadsRequest { BucketName = options.Bucket, Prefix = prefix };
        while (true)
        {
            var page = await TryAsync("cannot be listed", () => client.ListMultipartUploadsAsync(request, cancel));
            foreach (var found in page.MultipartUploads ?? []) yield return (found.Key, found.UploadId, Utc(found.Initiated));
            if (page.IsTruncated != true) yield break;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
    }

    private async Task<T> TryAsync<T>(string what, Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (e is AmazonClientException or AmazonServiceException or HttpRequestException or IOException or TimeoutException)
        {
            // A refusal (credentials, no such bucket) is everybody's, too: it lasts until a person has been there.
            throw new StoreException($"{Place} {what}: {e.Message}", FailureKind.Unavailable, innerException: e);
        }
    }

    private string Key(string id) => IsId(id) ? home + id : throw new ArgumentException("That is not an upload's id.", nameof(id));

    private string TailKey(string id, long offset) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Key(id)}.tail-{offset}");

    private static bool IsId(string id) => id.Length is > 0 and <= 100 && id.All(char.IsAsciiHexDigitLower);

    private static DateTimeOffset Utc(DateTime? instant) => instant is { } known ? new DateTimeOffset(known.ToUniversalTime()) : DateTimeOffset.MinValue;

    private static AmazonS3Client Connect(S3BlobOptions options)
    {
        var config = new AmazonS3Config
        {
            AuthenticationRegion = options.Region,
            // Other stores than Amazon's know neither the newer checksums nor names of hosts made of buckets.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            ForcePathStyle = options.ServiceUrl is not null,
        };
        if (options.ServiceUrl is { } url) config.ServiceURL = url.AbsoluteUri;
        else config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(options.Region);
        return options.AccessKey is { } key ? new AmazonS3Client(new BasicAWSCredentials(key, options.SecretKey), config) : new AmazonS3Client(config);
    }
}
