using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Surety.Intake;
using Surety.Storage;

namespace Surety.S3;

/// <summary>
/// A segment is a run of objects under a prefix of its own. Parts are of one size, so the object that a byte is in follows from its place.
/// What does not fill a part yet (the tail) is an object named after the place it ends at. So no object is written twice with different
/// bytes, any node can go on, and none keeps anything. A multipart upload of S3's would be one object in the end, but a writer that knows
/// its id may replace its parts, or abort it, until then.
/// </summary>
internal sealed class S3Blobs(S3BlobOptions options) : IBlobStore, IDisposable
{
    private readonly AmazonS3Client client = Connect(options);
    private string home = "";

    public string Place => $"the bucket {options.Bucket}";

    public long MaxBytes => long.MaxValue;

    public async ValueTask OpenAsync(string storeId, CancellationToken cancellationToken)
    {
        home = $"{options.Prefix}{storeId}/";
        await TryAsync("cannot be used", async () =>
        {
            await PutAsync(home + ".probe", new MemoryStream(), cancellationToken);
            await client.DeleteObjectAsync(options.Bucket, home + ".probe", cancellationToken);
            return true;
        });
    }

    public async ValueTask<BlobWriter> AppendAsync(
        BlobSegment segment, CancellationToken cancellationToken) => await TryAsync("does not take an upload", async () =>
    {
        var layout = S3Layout.Of(segment, options.PartBytes);
        var writer = new S3Writer(this, segment, layout);
        try
        {
            if (layout.TailOf(segment.Length) is { } tail)
                await writer.LoadAsync(await GetAsync(Key(segment, tail), cancellationToken), segment.Length, cancellationToken);
            // The one before this one: the row has moved on from it.
            if (layout.TailBefore < segment.Length && layout.TailOf(layout.TailBefore) is { } old)
                await client.DeleteObjectAsync(options.Bucket, Key(segment, old), cancellationToken);
            return (BlobWriter)writer;
        }
        catch
        {
            await writer.DisposeAsync();
            throw;
        }
    });

    public async ValueTask<Stream> ReadAsync(BlobSegment segment, long from, CancellationToken cancellationToken)
    {
        if (segment.Number == 0) return await TryAsync("cannot be read", () => GetAsync(Key(segment.Id), cancellationToken, from));
        var layout = S3Layout.Of(segment, options.PartBytes);
        return await ChainedStream.OpenAsync(segment.Length, from, OpenAsync, cancellationToken);

        async ValueTask<(Stream, long)> OpenAsync(long position, CancellationToken stop)
        {
            var (name, begin, end) = layout.At(position, segment.Length);
            return (await TryAsync("cannot be read", () => GetAsync(Key(segment, name), stop, position - begin)), end - position);
        }
    }

    public async ValueTask TidyAsync(
        string id, IReadOnlyList<BlobSegment> counting, long below, CancellationToken cancellationToken) =>
            await TryAsync("cannot be tidied", async () =>
    {
        var segments = counting.ToDictionary(s => s.Number);
        await foreach (var (key, _) in ObjectsAsync(Key(id) + '/', cancellationToken))
        {
            var names = key[(Key(id).Length + 1)..].Split('/');
            if (names.Length != 2 || !long.TryParse(names[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)) continue;
            if (number >= below) continue;
            var counts = segments.TryGetValue(number, out var segment)
                && S3Layout.Of(segment, options.PartBytes).Has(names[1], segment.Length);
            if (!counts) await client.DeleteObjectAsync(options.Bucket, key, cancellationToken);
        }

        return true;
    });

    public async ValueTask DeleteAsync(
        string id, CancellationToken cancellationToken) => await TryAsync("cannot delete an upload", async () =>
    {
        await foreach (var (key, _) in ObjectsAsync(Key(id), cancellationToken))
        {
            if (IdOf(key) == id) await client.DeleteObjectAsync(options.Bucket, key, cancellationToken);
        }

        return true;
    });

    public async IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // In the order of their keys, so those of one upload follow each other.
        (string Id, DateTimeOffset ChangedAt)? last = null;
        await foreach (var (key, changedAt) in ObjectsAsync(home, cancellationToken))
        {
            var id = IdOf(key);
            if (!IsId(id)) continue;
            if (last is { } before && before.Id == id)
            {
                if (changedAt > before.ChangedAt) last = (id, changedAt);
                continue;
            }

            if (last is { } done) yield return done;
            last = (id, changedAt);
        }

        if (last is { } final) yield return final;
    }

    public void Dispose() => client.Dispose();

    internal Task<bool> PutAsync(BlobSegment segment, string name, Stream content, CancellationToken cancel) =>
        TryAsync("does not take a part of an upload", () => PutAsync(Key(segment, name), content, cancel));

    private async Task<Stream> GetAsync(string key, CancellationToken cancel, long from = 0)
    {
        var request = new GetObjectRequest { BucketName = options.Bucket, Key = key };
        if (from > 0) request.ByteRange = new ByteRange(from, long.MaxValue);
        try
        {
            return (await client.GetObjectAsync(request, cancel)).ResponseStream;
        }
        catch (AmazonS3Exception e) when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            throw new StoreException(
                $"Bytes of upload {IdOf(key)} are missing from {Place}, although they were acknowledged: they were deleted by hand, or by "
                    + $"a rule "
                + "of the bucket's.",
                innerException: e);
        }
    }

    private async Task<bool> PutAsync(string key, Stream content, CancellationToken cancel)
    {
        await client.PutObjectAsync(
            new PutObjectRequest { BucketName = options.Bucket, Key = key, InputStream = content, UseChunkEncoding = false }, cancel);
        return true;
    }

    private async IAsyncEnumerable<(string Key, DateTimeOffset ChangedAt)> ObjectsAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancel)
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

    private async Task<T> TryAsync<T>(string what, Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (
            e is AmazonClientException or AmazonServiceException or HttpRequestException or IOException or TimeoutException)
        {
            // A refusal (credentials, no such bucket) is everybody's, too: it lasts until a person has been there.
            throw new StoreException($"{Place} {what}: {e.Message}", FailureKind.Unavailable, innerException: e);
        }
    }

    private string Key(string id) => IsId(id) ? home + id : throw new ArgumentException("That is not an upload's id.", nameof(id));

    private string Key(BlobSegment segment, string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{Key(segment.Id)}/{segment.Number}/{name}");

    // A version before this one had objects named after the upload, whole ones and tails.
    private string IdOf(string key) => key[home.Length..].Split('/', '.')[0];

    private static bool IsId(string id) => id.Length is > 0 and <= 100 && id.All(char.IsAsciiHexDigitLower);

    private static DateTimeOffset Utc(DateTime? instant) =>
        instant is { } known ? new DateTimeOffset(known.ToUniversalTime()) : DateTimeOffset.MinValue;

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
        return options.AccessKey is { } key
            ? new AmazonS3Client(new BasicAWSCredentials(key, options.SecretKey), config) : new AmazonS3Client(config);
    }
}
