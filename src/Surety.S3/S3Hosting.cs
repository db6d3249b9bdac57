using Surety.Hosting;
using Surety.S3;

namespace Surety;

/// <summary>Keeps uploads in S3.</summary>
public static class S3Hosting
{
    /// <summary>
    /// Keeps the content of uploads in a bucket of Amazon S3 or of a store that speaks its protocol, under keys of the store's own. Any
    /// number of nodes may share it. Give the bucket a lifecycle rule that aborts multipart uploads older than uploads may get: it is the
    /// last resort should a database be lost.
    /// </summary>
    /// <param name="builder">The host's Surety.</param>
    /// <param name="configure">Says where.</param>
    /// <exception cref="ArgumentException">The options are not whole; names every fault.</exception>
    public static SuretyBuilder UseS3Blobs(this SuretyBuilder builder, Action<S3BlobOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new S3BlobOptions();
        configure(options);
        if (options.Faults().ToList() is { Count: > 0 } faults)
            throw new ArgumentException($"UseS3Blobs: {string.Join(" ", faults)}", nameof(configure));
        return builder.UseBlobs($"the bucket {options.Bucket}", _ => new S3Blobs(options));
    }
}
