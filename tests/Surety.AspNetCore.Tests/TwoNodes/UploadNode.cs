using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// One of several hosts that take files for one PostgreSQL schema and one folder. Its store and its folder freeze where the test says.
/// </summary>
internal sealed class UploadNode : IAsyncDisposable
{
    private readonly WebApplication host;
    private HttpClient client = null!;
    private string key = "";

    private UploadNode(WebApplication host) => this.host = host;

    public static async Task<UploadNode> StartAsync(string connectionString, string schema, string folder, Freezes freezes)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production", ContentRootPath = folder });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddSurety(surety => surety
            .UsePostgres(connectionString, o => o.Schema = schema)
            .UseBlobFolder(Path.Combine(folder, "uploads"))
            .Handle<ReadFile, ReadFileHandler>("files"));
        builder.Services.AddSingleton<ReadFiles>();
        // A slow machine must not look like an overloaded host.
        builder.Services.AddSuretyEdge(o => o.MinConcurrency = o.MaxConcurrency);
        freezes.Wrap(builder.Services);
        var node = new UploadNode(builder.Build());
        node.host.MapUploads("/files", upload => new ReadFile(upload.Id), o => o.MaxOpen = 10_000);
        node.host.MapSurety();
        await node.host.StartAsync();
        return node;
    }

    public async Task<string> KeyAsync(string principal) =>
        (await host.Services.GetRequiredService<ApiKeys>().CreateAsync(principal, [])).Secret;

    public void Use(string secret)
    {
        key = secret;
        client = new HttpClient { BaseAddress = new Uri(host.Urls.First()), Timeout = TimeSpan.FromSeconds(60) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", secret);
    }

    public Task<Answer> SendAsync(HttpMethod method, string address, params (string, string)[] headers) =>
        client.SendAsync(method, address, null, FileApp.Tus(headers));

    public Task<Answer> PatchAsync(string address, long offset, byte[] bytes, params (string, string)[] headers) =>
        FileApp.PatchAsync(client, address, offset, bytes, headers);

    public Task<Answer> FetchAsync(string address) => client.FetchAsync(address);

    /// <summary>Announces more than it sends, and cuts the connection once the server has had the time to see some of it.</summary>
    public async Task CutAsync(string address, long offset, ReadOnlyMemory<byte> sent, Freezes freezes)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(client.BaseAddress!.Host, client.BaseAddress.Port);
        await using var stream = new NetworkStream(socket);
        var head =
            $"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
            + $"Content-Type: application/offset+octet-stream\r\nContent-Length: {sent.Length + 1}\r\n\r\n";
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
            await stream.WriteAsync(sent);
        }
        catch (IOException)
        {
            // The server was quicker: it had refused the request already.
        }

        for (var i = 0; i < 3; i++) await freezes.MovedAsync();
    }

    public async Task<MessagePage> JobsAsync() =>
        await host.Services.GetRequiredService<IMessages>().ListAsync(new MessageFilter { Kind = "file.read" });

    public async ValueTask DisposeAsync()
    {
        client?.Dispose();
        await host.StopAsync();
        await host.DisposeAsync();
    }
}
