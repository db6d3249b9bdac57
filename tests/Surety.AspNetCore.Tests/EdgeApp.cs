using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Surety.Hosting;

namespace Surety.AspNetCore.Tests;

/// <summary>A whole app: Kestrel on a port of its own, an SQLite file of its own unless the test says otherwise, and whatever endpoints
/// the test maps.</summary>
internal sealed class EdgeApp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly List<HttpClient> clients = [];
    private readonly string folder;
    private readonly bool ownsFolder;
    private readonly EdgePlace? place;

    private EdgeApp(WebApplication host, CapturedLog log, string folder, bool ownsFolder, EdgePlace? place) =>
        (Host, Log, this.folder, this.ownsFolder, this.place) = (host, log, folder, ownsFolder, place);

    public WebApplication Host { get; }
    public CapturedLog Log { get; }
    public Uri Address => new(Host.Urls.First());

    /// <summary>A client whose every request carries a key of the principal "alice".</summary>
    public HttpClient Alice { get; private set; } = null!;

    public static async Task<EdgeApp> StartAsync(
        Action<WebApplication> map, Action<EdgeOptions>? edge = null, Action<SuretyBuilder>? surety = null,
        Action<WebApplicationBuilder>? configure = null, string environment = "Production",
        EdgePlace? place = null)
    {
        var app = Build(map, edge, surety, configure, environment, place: place);
        await app.StartAsync();
        return app;
    }

    /// <summary>Not started: for tests of the start itself.</summary>
    public static EdgeApp Build(
        Action<WebApplication> map, Action<EdgeOptions>? edge = null, Action<SuretyBuilder>? surety = null,
        Action<WebApplicationBuilder>? configure = null, string environment = "Production",
        string? folder = null, EdgePlace? place = null)
    {
        var own = folder is null;
        folder ??= Directory.CreateTempSubdirectory("surety-edge-").FullName;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment, ContentRootPath = folder });
        var log = new CapturedLog();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddSurety(s =>
        {
            if (place is null) s.UseSqlite($"Data Source={Path.Combine(folder, "edge.db")}");
            else place.Use(s);
            surety?.Invoke(s);
        });
        builder.Services.AddSuretyEdge(options =>
        {
            // A slow machine must not look like an overloaded host to tests of other things.
            options.MinConcurrency = options.MaxConcurrency;
            edge?.Invoke(options);
        });
        Surety.Guide.Samples.Validate(builder);
        configure?.Invoke(builder);
        var host = builder.Build();
        map(host);
        host.MapSurety();
        return new EdgeApp(host, log, folder, own, place);
    }

    public async Task StartAsync()
    {
        await Host.StartAsync();
        if (place is null)
            await ExecuteAsync(
                "CREATE TABLE IF NOT EXISTS deposit (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, "
                + "amount INTEGER NOT NULL)");
        else await place.PrepareAsync();
        Alice = await ClientAsync("alice");
    }

    public async Task<HttpClient> ClientAsync(string principal, params string[] scopes) =>
        Client((await Get<ApiKeys>().CreateAsync(principal, scopes)).Secret);

    public HttpClient Client(string? key = null)
    {
        var client = new HttpClient { BaseAddress = Address, Timeout = Patience };
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        clients.Add(client);
        return client;
    }

    public T Get<T>() where T : notnull => Host.Services.GetRequiredService<T>();

    /// <summary>A connection of the test's own to the same database, past the app.</summary>
    public string ConnectionString => $"Data Source={Path.Combine(folder, "edge.db")};Pooling=false";

    public IEnumerable<string> DatabaseFiles() => [Path.Combine(folder, "edge.db"), Path.Combine(folder, "edge.db-wal")];

    public Task<long> DepositsAsync() => ScalarAsync("SELECT count(*) FROM deposit");

    public Task<long> RecordsAsync() => ScalarAsync("SELECT count(*) FROM surety_idempotency");

    public async Task<long> ScalarAsync(string sql)
    {
        await using var connection = await Get<SuretyDatabase>().OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    public async Task<MessageInfo> UntilAsync(MessageId id, MessageStatus status)
    {
        MessageInfo? info = null;
        await UntilAsync(async () => (info = await Get<IMessages>().FindAsync(id))?.Status == status, () =>
            $"job {id} is {info?.Status.ToString() ?? "gone"}, not {status}: {info?.Reason}");
        return info!;
    }

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string>? what = null)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            if (limit.IsCancellationRequested)
                throw new TimeoutException($"After {Patience.TotalSeconds} s: {what?.Invoke() ?? "the condition did not come true"}");
            await Task.Delay(5);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients) client.Dispose();
        await Host.StopAsync();
        await Host.DisposeAsync();
        Log.Dispose();
        if (ownsFolder) Directory.Delete(folder, recursive: true);
    }
}

/// <summary>Sends what a test wants sent, and reads the whole answer.</summary>
internal static class Sending
{
    public static Task<Answer> FetchAsync(this HttpClient client, string path, params (string Name, string Value)[] headers) =>
        client.SendAsync(HttpMethod.Get, path, null, headers);

    public static Task<Answer> DepositAsync(this HttpClient client, string? key, long amount = 10, string path = "/deposits") =>
        client.PostAsync(path, $$"""{"account":"savings","amount":{{amount}}}""", key is null ? [] : [("Idempotency-Key", key)]);

    public static Task<Answer> PostAsync(this HttpClient client, string path, string json, params (string Name, string Value)[] headers) =>
        client.SendAsync(HttpMethod.Post, path, json, headers);

    public static Task<Answer> SendAsync(
        this HttpClient client, HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers) =>
        client.SendAsync(method, path, json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"), default, headers);

    public static async Task<Answer> SendAsync(
        this HttpClient client, HttpMethod method, string path, HttpContent? content, CancellationToken cancel,
            params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        using var response = await client.SendAsync(request, cancel);
        var all = response.Headers.Concat(response.Content.Headers).Where(h => h.Key is not ("Date" or "Server" or "Transfer-Encoding"))
            .ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase);
        return new Answer((int)response.StatusCode, all, await response.Content.ReadAsByteArrayAsync(cancel));
    }
}
