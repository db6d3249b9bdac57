using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;

namespace Surety.Cli.Rigs;

/// <summary>The payments backend and its provider on loopback, in a temporary folder. The backend can be killed and started again; its address and its database stay.</summary>
internal sealed class Rig : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly Programs programs;
    private readonly IReadOnlyList<string> before;
    private ChildProcess? payments;
    private ChildProcess? provider;

    private Rig(Programs programs, IReadOnlyList<string>? before)
    {
        (this.programs, this.before) = (programs, before ?? []);
        Folder = Directory.CreateTempSubdirectory("surety-rig-").FullName;
        Payments = Client(FreePort());
        Payments.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "dev");
        Provider = Client(FreePort());
    }

    public string Folder { get; }

    /// <summary>Set, the folder outlives the rig.</summary>
    public bool KeepFolder { get; set; }

    /// <summary>The backend, with its development key.</summary>
    public HttpClient Payments { get; }

    public HttpClient Provider { get; }

    /// <param name="programs">What to start.</param>
    /// <param name="before">Words before the backend's command line, such as <c>strace -f</c>.</param>
    /// <param name="cancel">Gives up; what was started is ended.</param>
    public static async Task<Rig> StartAsync(Programs programs, IReadOnlyList<string>? before, CancellationToken cancel)
    {
        var rig = await StartProviderAsync(programs, before, cancel);
        try
        {
            await rig.StartPaymentsAsync(cancel);
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>As <see cref="StartAsync"/>, without starting the backend.</summary>
    public static async Task<Rig> StartProviderAsync(Programs programs, IReadOnlyList<string>? before, CancellationToken cancel)
    {
        var rig = new Rig(programs, before);
        try
        {
            rig.provider = ChildProcess.Start(programs.Provider, rig.Folder, new Dictionary<string, string>
            {
                ["ASPNETCORE_URLS"] = Url(rig.Provider), ["ConnectionStrings__main"] = "Data Source=provider.db", ["Logging__LogLevel__Default"] = "Warning",
            });
            await UntilAnswersAsync(rig.provider, rig.Provider, "/troubles", programs.Provider, cancel);
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the backend and returns how long it took to its first answer.</summary>
    public async Task<TimeSpan> StartPaymentsAsync(CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        SpawnPayments();
        await UntilAnswersAsync(payments!, Payments, "/readyz", programs.Payments, cancel);
        return Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Starts the backend and waits for nothing.</summary>
    /// <param name="failpoint">Where it is to kill itself: <c>name</c> or <c>name:n</c>; null nowhere.</param>
    public void SpawnPayments(string? failpoint = null)
    {
        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = Url(Payments),
            ["ConnectionStrings__main"] = "Data Source=payments.db",
            ["Payouts__PrimaryUrl"] = Url(Provider),
            ["Logging__LogLevel__Default"] = "Warning",
        };
        if (failpoint is not null) (environment["SURETY_FAILPOINT"], environment["SURETY_FAILPOINT_RUN"]) = (failpoint, "surety");
        payments = ChildProcess.Start(programs.Payments, Folder, environment, before);
    }

    /// <summary>Waits until the backend has killed itself at its failpoint; false when it has not within the limit.</summary>
    public async Task<bool> DiedAtFailpointAsync(TimeSpan limit, CancellationToken cancel)
    {
        var child = payments ?? throw new InvalidOperationException("The backend does not run.");
        if (!await child.ExitedAsync(limit, cancel)) return false;
        if (!child.LastLines.Contains("Failpoint ", StringComparison.Ordinal)) throw new RigException($"The backend ended by itself, and not at its failpoint. Its last lines:{Environment.NewLine}{child.LastLines}");
        await child.DisposeAsync();
        payments = null;
        return true;
    }

    public async Task KillPaymentsAsync()
    {
        if (payments is null) return;
        if (payments.HasExited) throw new RigException($"The backend ended by itself, which it must not. Its last lines:{Environment.NewLine}{payments.LastLines}");
        await payments.DisposeAsync();
        payments = null;
    }

    public Task TroubleAsync(object plan, CancellationToken cancel) => Provider.PutAsJsonAsync("/troubles", plan, cancel);

    public async ValueTask DisposeAsync()
    {
        if (payments is not null) await payments.DisposeAsync();
        if (provider is not null) await provider.DisposeAsync();
        Payments.Dispose();
        Provider.Dispose();
        if (!KeepFolder) Directory.Delete(Folder, recursive: true);
    }

    private static async Task UntilAnswersAsync(ChildProcess child, HttpClient client, string path, string program, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            try
            {
                using var response = await client.GetAsync(path, cancel);
                if (response.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            if (child.HasExited) throw new RigException($"{Path.GetFileName(program)} ended instead of starting. Its last lines:{Environment.NewLine}{child.LastLines}");
            if (Stopwatch.GetElapsedTime(began) > StartLimit) throw new RigException($"{Path.GetFileName(program)} did not answer {path} within {StartLimit.TotalSeconds} s. Its last lines:{Environment.NewLine}{child.LastLines}");
            await Task.Delay(10, cancel);
        }
    }

    private static string Url(HttpClient client) => client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private static HttpClient Client(int port) => new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")), Timeout = TimeSpan.FromSeconds(30),
    };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
