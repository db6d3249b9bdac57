using Surety;
using Surety.Hosting;

namespace Payments;

internal static class Blobs
{
    /// <summary>In the bucket that the configuration names (<c>S3:Bucket</c> and what else S3 wants), else in a folder.</summary>
    public static SuretyBuilder KeepBlobs(this SuretyBuilder surety, IConfiguration configuration)
    {
        var s3 = configuration.GetSection("S3");
        return s3["Bucket"] is { Length: > 0 }
            ? surety.UseS3Blobs(s3.Bind) : surety.UseBlobFolder(configuration["Blobs:Folder"] ?? "uploads");
    }
}
