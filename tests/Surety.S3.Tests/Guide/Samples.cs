using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace Surety.S3.Tests.Guide;

public static class Samples
{
    public static void Configure(HostApplicationBuilder builder, string connectionString)
    {
        // sample: s3-blobs
        builder.AddSurety(surety => surety
            .UseSqlite(connectionString)
            // Bucket, Region, and for other stores ServiceUrl, AccessKey, SecretKey
            .UseS3Blobs(builder.Configuration.GetSection("S3").Bind));
        // end
    }
}
