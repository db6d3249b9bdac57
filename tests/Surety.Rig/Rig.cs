using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;

namespace Surety.Rigs;

/// <summary>
/// The payments backend's nodes, their database and their provider on loopback, in a temporary folder. Nodes can be killed and started
/// again; their addresses and the database stay.
/// </summary>
internal sealed class Rig : IAsyncDisposable
{
    // For each node; RigOptions.MostNodes of them have to fit into the server's connections.
    private const int PoolSize = 30;

    private readonly Programs programs;
    private readonly RigOptions options;
    private ChildProcess? provider;
    private Pooler? pooler;

    private Rig(Programs programs, RigOptions options)
    {
        options.Check();
        (this.programs, this.options) = (programs, options);
        Folder = Directory.CreateTempSubdirectory("surety-rig-").FullName;
        Provider = Client(Ports.Free());
    }

    public string Folder { get; }

    /// <summary>Set, the folder outlives the rig.</summary>
    public bool KeepFolder { get; set; }

    public IReadOnlyList<Node> Nodes { get; private set; } = [];

    /// <summary>The first node, for questions that any node answers alike while all are up.</summary>
    public HttpClient Payments => Nodes[0].Http;

    public HttpClient Provider { get; }

    /// <summary>The nodes' database, when it is PostgreSQL.</summary>
    public PostgresServer? Postgres { get; private set; }

    /// <param name="programs">What to start.</param>
    /// <param name="options">On which database, and how many.</param>
    /// <param name="cancel">Gives up; what was started is ended.</param>
    public static async Task<Rig> StartAsync(Programs programs, RigOptions options, CancellationToken cancel)
    {
        var rig = await StartAroundAsync(programs, options, cancel);
        try
        {
            // All at once: they make the tables side by side.
            await Task.WhenAll(rig.Nodes.Select(n => n.StartAsync(cancel)));
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>As <see cref="StartAsync"/>, without starting the nodes.</summary>
    public static async Task<Rig> StartAroundAsync(Programs programs, RigOptions options, CancellationToken cancel)
    {
        var rig = new Rig(programs, options);
        try
        {
            if (options.Store == RigOptions.Postgres)
                rig.Postgres = await PostgresServer.StartAsync(
                    Path.Combine(rig.Folder, "postgres"), Ports.Free(), [], cancel, options.Server);
            if (options.Pooled)
                rig.pooler = await Pooler.StartAsync(rig.Postgres!, Path.Combine(rig.Folder, "pooler"), Ports.Free(), cancel);
            rig.provider = ChildProcess.Start(programs.Provider, rig.Folder, new Dictionary<string, string>
            {
                ["ASPNETCORE_URLS"] = Url(
                    rig.Provider), ["ConnectionStrings__main"] = "Data Source=provider.db", ["Logging__LogLevel__Default"] = "Warning",
            });
            await rig.provider.UntilAnswersAsync(rig.Provider, "/troubles", programs.Provider, cancel);
            rig.Nodes = [.. Enumerable.Range(0, options.Nodes).Select(rig.NewNode)];
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    public Task TroubleAsync(object plan, CancellationToken cancel) => Provider.PutAsJsonAsync("/troubles", plan, cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes) await node.DisposeAsync();
        if (provider is not null) await provider.DisposeAsync();
        if (pooler is not null) await pooler.DisposeAsync();
        if (Postgres is not null) await Postgres.DisposeAsync();
        Provider.Dispose();
        if (!KeepFolder) Directory.Delete(Folder, recursive: true);
    }

    private Node NewNode(int number)
    {
        var http = Client(Ports.Free());
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "dev");
        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = Url(http),
            ["Surety__Store"] = options.Store,
            ["ConnectionStrings__main"] = Postgres is { } server
                ? $"{pooler?.ConnectionString ?? server.ConnectionString};Maximum Pool Size={PoolSize};{options.Connection}"
                : "Data Source=payments.db",
            ["Payouts__PrimaryUrl"] = Url(Provider),
            ["Logging__LogLevel__Default"] = "Warning",
            // A storm on a slow machine is what these nodes are for, not an overload.
            ["Surety__Edge__MinConcurrency"] = "1000",
            // What a killed node held is taken up when its lease is over, and a run waits for that again and again.
            ["Surety__NodeLease"] = "00:00:05",
            // Most live for seconds only: code that counts its own calls, to be compiled better later, is all they ever run.
            ["DOTNET_TieredPGO"] = "0",
        };
        foreach (var (name, value) in options.Environment?.Invoke(number) ?? new Dictionary<string, string>()) environment[name] = value;
        return new Node(programs.Payments, Folder, environment, options.Before ?? [], http);
    }

    private static string Url(HttpClient client) => client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private static HttpClient Client(int port) => new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")), Timeout = TimeSpan.FromSeconds(30),
    };
}
