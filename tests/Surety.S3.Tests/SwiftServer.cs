using System.Diagnostics;
using System.Text;
using Amazon.Runtime;
using Amazon.S3;
using Surety.Rigs;
using Surety.Tests.Conventions;

namespace Surety.S3.Tests;

/// <summary>OpenStack Swift with its S3 API: a server of another maker that checks signatures, keeps parts and lists them.</summary>
public sealed class SwiftServer : IAsyncLifetime
{
    public const string AccessKey = "test:tester", SecretKey = "testing", Bucket = "uploads";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan PatienceWithOne = TimeSpan.FromSeconds(10);

    private readonly string folder = Directory.CreateTempSubdirectory("surety-swift-").FullName;
    private Process? process;

    public Uri Address { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var port = Ports.Free(4);
        Address = new Uri($"http://127.0.0.1:{port}");
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "tests/Surety.S3.Tests/swift.sh"), folder, $"{port}"])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        var said = new StringBuilder();
        process.ErrorDataReceived += (_, line) => { lock (said) said.AppendLine(line.Data); };
        process.BeginErrorReadLine();
        _ = process.StandardOutput.ReadToEndAsync();
        using var client = Client();
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            // A limit for each: a request that a starting server took and forgot must not use up the patience with the server.
            using var limit = new CancellationTokenSource(PatienceWithOne);
            try
            {
                // An object, too: a bucket needs three of the four servers only.
                await client.PutBucketAsync(Bucket, limit.Token);
                await client.PutObjectAsync(new() { BucketName = Bucket, Key = "started", ContentBody = "" }, limit.Token);
                await client.DeleteObjectAsync(Bucket, "started", limit.Token);
                return;
            }
            catch (Exception e) when (
                e is AmazonClientException or AmazonServiceException or HttpRequestException or OperationCanceledException)
            {
                string output;
                lock (said) output = said.ToString();
                if (process.HasExited)
                {
                    const string How = "./test installs it (swift-proxy, swift-account, swift-container, swift-object)";
                    throw new InvalidOperationException($"Swift did not start. {How}. It said: {output}", e);
                }

                if (Stopwatch.GetElapsedTime(began) > Patience)
                {
                    throw new TimeoutException($"Swift does not answer after {Patience.TotalSeconds} s: {e.Message} It said: {output}", e);
                }

                await Task.Delay(100);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            // The script ends its servers when its input ends.
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }

    public AmazonS3Client Client() =>
        new(new BasicAWSCredentials(AccessKey, SecretKey), new AmazonS3Config
        {
            ServiceURL = Address.AbsoluteUri, AuthenticationRegion = "us-east-1", ForcePathStyle = true, MaxErrorRetry = 0,
        });
}

/// <summary>One server for all that need it: it takes seconds to start.</summary>
[CollectionDefinition("swift")]
public sealed class SwiftCollection : ICollectionFixture<SwiftServer>;
