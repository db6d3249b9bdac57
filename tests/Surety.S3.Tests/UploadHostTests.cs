using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Surety.Intake;
using Surety.Storage;

namespace Surety.S3.Tests;

/// <summary>A whole host on a bucket.</summary>
[Collection("swift")]
public sealed class UploadHostTests(SwiftServer swift)
{
    [Fact]
    public async Task A_host_keeps_its_uploads_in_the_bucket_of_its_configuration()
    {
        var folder = Directory.CreateTempSubdirectory("surety-s3-").FullName;
        var bytes = RandomNumberGenerator.GetBytes(9_000_000);
        // Two hosts one after the other: the second goes on where the first was, and knows nothing but the database and the bucket.
        string id;
        using (var first = await StartAsync(folder))
        {
            var uploads = first.Services.GetRequiredService<UploadIntake>();
            var begun = (await uploads.BeginAsync(
                new NewUpload { Id = "0123456789abcdef", Route = "/files", Owner = "ada",
                Length = bytes.Length, Metadata = new Dictionary<string, string>() }, TimeSpan.FromDays(1), 10, default)).ShouldNotBeNull();
            id = begun.Id;
            begun = (await uploads.TakeAsync(id, "/files", "ada", 0, default)).ShouldNotBeNull();
            (await uploads.WriteAsync(
                begun, new MemoryStream(bytes, 0, 8_700_000), bytes.Length, null, default)).Offset.ShouldBe(8_700_000);
            await first.StopAsync();
        }

        using (var second = await StartAsync(folder))
        {
            var uploads = second.Services.GetRequiredService<UploadIntake>();
            var found = (await uploads.LookAsync(id, default)).ShouldNotBeNull();
            found.Offset.ShouldBe(8_700_000);
            found = (await uploads.TakeAsync(id, "/files", "ada", found.Offset, default)).ShouldNotBeNull();
            found = (await uploads.WriteAsync(found, new MemoryStream(bytes, 8_700_000, 300_000), 300_000, null, default)).Upload;
            found.Offset.ShouldBe(bytes.Length);
            var done = await uploads.CompleteAsync(found, Convert.ToHexString(
                SHA256.HashData(bytes)), u => new Envelope(new Arrived(u.Id)), () => Task.FromResult(true), null, default);
            done.Kind.ShouldBe(CompletionKind.Complete);
            await using var content = await second.Services.GetRequiredService<IUploads>().OpenAsync(id, 8_999_000);
            using var rest = new MemoryStream();
            await content.CopyToAsync(rest);
            rest.ToArray().ShouldBe(bytes[8_999_000..]);
            await second.StopAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private async Task<IHost> StartAsync(string folder)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["S3:Bucket"] = SwiftServer.Bucket, ["S3:ServiceUrl"] = swift.Address.AbsoluteUri,
                ["S3:AccessKey"] = SwiftServer.AccessKey, ["S3:SecretKey"] = SwiftServer.SecretKey, ["S3:Prefix"] = "host/",
        });
        Guide.Samples.Configure(builder, $"Data Source={Path.Combine(folder, "host.db")}");
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    [Message("arrived")]
    private sealed record Arrived(string UploadId);
}
