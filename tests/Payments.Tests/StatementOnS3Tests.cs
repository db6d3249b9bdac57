using Surety.Rigs;
using Surety.S3.Tests;

namespace Payments.Tests;

/// <summary>The bytes are in a bucket, the rest is in PostgreSQL.</summary>
public sealed class StatementOnS3Tests(SwiftServer swift, ITestOutputHelper output) : IClassFixture<SwiftServer>
{
    [Fact]
    public Task A_tus_client_that_is_cut_fifty_times_and_whose_server_is_killed_uploads_one_whole_file_to_S3() =>
        StatementTests.UploadUnderKillsAsync(
        new RigOptions(RigOptions.Postgres, Environment: _ => new Dictionary<string, string>
        {
            ["S3__Bucket"] = SwiftServer.Bucket, ["S3__ServiceUrl"] = swift.Address.AbsoluteUri,
                ["S3__AccessKey"] = SwiftServer.AccessKey, ["S3__SecretKey"] = SwiftServer.SecretKey,
            ["S3__PartBytes"] = "5242880",
        }),
        output);
}
