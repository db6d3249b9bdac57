using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Surety.AspNetCore.Security;
using Surety.AspNetCore.Uploads;
using Surety.Hosting;

namespace Surety.AspNetCore.Tests;

[Message("file.read")]
public sealed record ReadFile(string UploadId);

/// <summary>Answers with what it read.</summary>
public sealed class ReadFileHandler(IUploads uploads, ReadFiles read) : IHandler<ReadFile>
{
    public async Task<Outcome> HandleAsync(Delivery<ReadFile> delivery, CancellationToken cancellationToken)
    {
        var upload = await uploads.FindAsync(delivery.Message.UploadId, cancellationToken) ?? throw new RejectException("no such upload");
        await using var content = await uploads.OpenAsync(upload.Id, 0, cancellationToken);
        var digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken));
        read.Seen.Add(upload);
        await read.Hold.Task.WaitAsync(cancellationToken);
        return Outcome.DoneWith($"{upload.Length} {digest} {upload.FileName} {upload.ContentType}", "text/plain");
    }
}

/// <summary>What the handler saw, and a gate that tests may close.</summary>
public sealed class ReadFiles
{
    public ConcurrentBag<Upload> Seen { get; } = [];

    public TaskCompletionSource Hold { get; set; } = Opened();

    private static TaskCompletionSource Opened()
    {
        var gate = new TaskCompletionSource();
        gate.SetResult();
        return gate;
    }
}

/// <summary>An app that takes files, and the words of a tus client.</summary>
internal sealed class FileApp : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-files-").FullName;

    private FileApp()
    {
    }

    public EdgeApp App { get; private set; } = null!;

    public ShiftedTime Clock { get; } = new();

    public static async Task<FileApp> StartAsync(
        Action<UploadOptions>? options = null, bool ownClock = false, Action<SuretyBuilder>? surety = null,
            Action<WebApplication>? map = null, Action<WebApplicationBuilder>? configure = null, EdgePlace? place = null)
    {
        var files = new FileApp();
        files.App = await EdgeApp.StartAsync(
            app =>
            {
                app.MapUploads("/files", upload => new ReadFile(upload.Id), options);
                app.MapUploads("/others", upload => new ReadFile(upload.Id));
                map?.Invoke(app);
            },
            surety: s =>
            {
                s.UseBlobFolder(files.folder).Handle<ReadFile, ReadFileHandler>("files");
                surety?.Invoke(s);
            },
            configure: builder =>
            {
                builder.Services.AddSingleton<ReadFiles>();
                configure?.Invoke(builder);
                if (ownClock) builder.Services.AddSingleton<TimeProvider>(files.Clock);
            },
            place: place);
        return files;
    }

    public HttpClient Alice => App.Alice;

    public IEnumerable<string> Blobs =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f)!);

    public IEnumerable<string> BlobPaths => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories);

    public static (string, string)[] Tus(params (string Name, string Value)[] more) => [("Tus-Resumable", "1.0.0"), .. more];

    /// <summary>Begins an upload and returns its address.</summary>
    public async Task<string> BeginAsync(long? length, string? metadata = null)
    {
        var about = new List<(string, string)> { length is { } l ? ("Upload-Length", $"{l}") : ("Upload-Defer-Length", "1") };
        if (metadata is not null) about.Add(("Upload-Metadata", metadata));
        var answer = (await Alice.SendAsync(HttpMethod.Post, "/files", null, Tus([.. about]))).ShouldBe(201);
        answer["Upload-Expires"].ShouldNotBeNull();
        return answer["Location"].ShouldNotBeNull();
    }

    public Task<Answer> PatchAsync(string address, long offset, byte[] bytes, params (string, string)[] more) =>
        PatchAsync(Alice, address, offset, bytes, more);

    public static Task<Answer> PatchAsync(HttpClient client, string address, long offset, byte[] bytes, params (string, string)[] more) =>
        client.SendAsync(HttpMethod.Patch, address, Chunk(bytes), default, Tus([("Upload-Offset", $"{offset}"), .. more]));

    public Task<Answer> HeadAsync(string address) => Alice.SendAsync(HttpMethod.Head, address, null, Tus());

    public async Task<long> OffsetAsync(string address) =>
        long.Parse((await HeadAsync(address)).ShouldBe(200)["Upload-Offset"]!, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Waits for the job and returns what its handler read.</summary>
    public async Task<string> ReadAsync(Answer completed)
    {
        var job = completed["Location"].ShouldNotBeNull();
        job.ShouldStartWith("/jobs/");
        await App.UntilAsync(MessageId.Parse(job["/jobs/".Length..].Split('-')[0], null), MessageStatus.Succeeded);
        return (await Alice.FetchAsync(job + "/result")).ShouldBe(200).Text;
    }

    public static ByteArrayContent Chunk(byte[] bytes, string type = "application/offset+octet-stream") =>
        new(bytes) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };

    public static byte[] Bytes(int count, int seed = 1)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
