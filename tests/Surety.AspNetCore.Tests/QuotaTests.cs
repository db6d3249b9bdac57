using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

public class QuotaTests
{
    private readonly ShiftedTime clock = new();
    private readonly CountingQuotas counting = new();
    private readonly Deposits deposits = new();
    private int handled;

    [Fact]
    public async Task Every_answer_says_what_is_left_and_a_refusal_when_to_come_back()
    {
        await using var app = await StartAsync(new() { Permits = 3 });
        for (var left = 2; left >= 0; left--)
        {
            var answer = (await app.Alice.FetchAsync("/thing")).ShouldBe(200);
            answer["RateLimit-Policy"].ShouldBe("\"default\";q=3;w=60");
            answer["RateLimit"].ShouldBe($"\"default\";r={left};t=60");
        }

        clock.Advance(TimeSpan.FromSeconds(40));
        var refused = (await app.Alice.FetchAsync("/thing")).ShouldBeProblem(429, "quota-exceeded");
        refused["RateLimit"].ShouldNotBeNull().ShouldMatch("^\"default\";r=0;t=(19|20)$");
        refused["RateLimit-Policy"].ShouldBe("\"default\";q=3;w=60");
        refused["Retry-After"].ShouldNotBeNull().ShouldMatch("^(19|20)$");
        handled.ShouldBe(3);

        clock.Advance(TimeSpan.FromSeconds(20));
        (await app.Alice.FetchAsync("/thing")).ShouldBe(200);
    }

    [Fact]
    public async Task A_refused_command_leaves_its_key_free()
    {
        await using var app = await StartAsync(new() { Permits = 1 });
        (await app.Alice.DepositAsync("k-1")).ShouldBe(201);
        (await app.Alice.DepositAsync("k-2")).ShouldBeProblem(429, "quota-exceeded");
        (await app.DepositsAsync()).ShouldBe(1);
        clock.Advance(TimeSpan.FromMinutes(1));
        var second = (await app.Alice.DepositAsync("k-2")).ShouldBe(201);
        second["RateLimit"].ShouldBe("\"default\";r=0;t=60");
        clock.Advance(TimeSpan.FromMinutes(1));
        (await app.Alice.DepositAsync("k-2"))["Idempotent-Replayed"].ShouldBe("true");
    }

    [Fact]
    public async Task A_failure_says_what_is_left_too()
    {
        await using var app = await StartAsync(new() { Permits = 2 });
        (await app.Alice.FetchAsync("/fails")).ShouldBeProblem(500, "internal-error")["RateLimit"].ShouldBe("\"default\";r=1;t=60");
    }

    [Theory]
    [InlineData(QuotaBy.Principal, false)]
    [InlineData(QuotaBy.ApiKey, true)]
    public async Task A_callers_keys_are_counted_together_or_apart(QuotaBy by, bool apart)
    {
        await using var app = await StartAsync(new() { Permits = 1, By = by });
        (await app.Alice.FetchAsync("/thing")).ShouldBe(200);
        (await (await app.ClientAsync("alice")).FetchAsync("/thing")).ShouldBe(apart ? 200 : 429);
        (await (await app.ClientAsync("bob")).FetchAsync("/thing")).ShouldBe(200);
        (await app.Alice.FetchAsync("/thing")).ShouldBe(429);
    }

    [Fact]
    public async Task A_refused_address_costs_neither_a_look_at_its_key_nor_its_body()
    {
        var keys = new CountingKeys();
        await using var app = await StartAsync(new() { Permits = 1, By = QuotaBy.Address }, configure: b => keys.Wrap(b.Services));
        (await app.Client("sk_0123456789ab_guess").FetchAsync("/thing")).ShouldBe(401)["RateLimit"].ShouldBe("\"default\";r=0;t=60");
        var asked = keys.Asked;
        // The body is announced and never sent.
        using var socket = new TcpClient();
        await socket.ConnectAsync(app.Address.Host, app.Address.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(
            "POST /deposits HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer sk_ba9876543210_guess\r\n"u8.ToArray());
        await stream.WriteAsync("Idempotency-Key: k\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(stream);
        (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe("HTTP/1.1 429 Too Many Requests");
        keys.Asked.ShouldBe(asked);
    }

    [Fact]
    public async Task Probes_are_never_counted()
    {
        await using var app = await StartAsync(new() { Permits = 1, By = QuotaBy.Address });
        (await app.Client().FetchAsync("/open")).ShouldBe(200);
        (await app.Client().FetchAsync("/open")).ShouldBe(429);
        foreach (var probe in new[] { "/livez", "/readyz", "/startupz" })
        {
            var answer = (await app.Client().FetchAsync(probe)).ShouldBe(200);
            answer["RateLimit"].ShouldBeNull();
        }
    }

    [Fact]
    public async Task A_named_quota_holds_where_it_is_named_and_none_where_none_is_wanted()
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                host.MapGet("/dear", () => "").WithQuota("dear");
                host.MapGet("/cheap", () => "");
                host.MapGet("/free", () => "").WithoutQuotas();
            },
            edge =>
            {
                edge.Quotas["all"] = new() { Permits = 100, Window = TimeSpan.FromHours(1) };
                edge.Quotas["dear"] = new() { Permits = 1, Everywhere = false };
            },
            configure: b => b.Services.AddSingleton<TimeProvider>(clock));
        var dear = (await app.Alice.FetchAsync("/dear")).ShouldBe(200);
        dear["RateLimit-Policy"].ShouldBe("\"all\";q=100;w=3600, \"dear\";q=1;w=60");
        dear["RateLimit"].ShouldBe("\"all\";r=99;t=3600, \"dear\";r=0;t=60");
        (await app.Alice.FetchAsync("/dear")).ShouldBe(429).Text.ShouldContain("\\\"dear\\\" is 1 requests in 60 s for a caller");
        (await app.Alice.FetchAsync("/cheap")).ShouldBe(200)["RateLimit"].ShouldBe("\"all\";r=97;t=3600");
        (await app.Alice.FetchAsync("/free")).ShouldBe(200)["RateLimit"].ShouldBeNull();
    }

    [Fact]
    public async Task Over_two_nodes_a_shared_quota_is_never_exceeded_and_missed_by_a_twentieth_at_most()
    {
        await using var one = await StartAsync(new() { Permits = 100, Shared = true, Window = TimeSpan.FromHours(1) });
        await using var two = Build(
            new() { Permits = 100, Shared = true, Window = TimeSpan.FromHours(1) },
            folder: Path.GetDirectoryName(one.DatabaseFiles().First()));
        await two.StartAsync();
        var answers = new ConcurrentBag<Answer>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            for (var i = 0; i < 25; i++) answers.Add(await (worker % 2 == 0 ? one : two).Alice.FetchAsync("/thing"));
        }));

        answers.ShouldAllBe(a => a.Status == 200 || a.Status == 429);
        answers.Count(a => a.Status == 200).ShouldBeInRange(95, 100);
        // A lease a twentieth, and one that finds nothing on each node: not one a request.
        counting.Leases.ShouldBeInRange(20, 22);
    }

    [Fact]
    public async Task While_the_store_is_away_each_node_counts_by_itself()
    {
        await using var app = await StartAsync(new() { Permits = 40, Shared = true, Window = TimeSpan.FromHours(1) });
        for (var i = 0; i < 3; i++) (await app.Alice.FetchAsync("/thing")).ShouldBe(200);
        counting.Away = true;
        var statuses = new List<int>();
        for (var i = 0; i < 50; i++) statuses.Add((await app.Alice.FetchAsync("/thing")).Status);
        // Two were granted before, and count.
        statuses.Count(s => s == 200).ShouldBe(37);
        statuses.Skip(37).ShouldAllBe(s => s == 429);
        counting.Asked.ShouldBeLessThan(10);

        counting.Away = false;
        clock.Advance(TimeSpan.FromSeconds(2));
        (await app.Alice.FetchAsync("/thing")).ShouldBe(200)["RateLimit"].ShouldNotBeNull().ShouldStartWith("\"default\";r=35;");
    }

    [Fact]
    public async Task A_quota_that_must_be_counted_refuses_while_the_store_is_away()
    {
        await using var app = await StartAsync(new() { Permits = 10, Shared = true, WhenStoreIsAway = QuotaFallback.Refuse });
        counting.Away = true;
        var refused = (await app.Alice.DepositAsync("k-1")).ShouldBeProblem(503, "dependency-unavailable");
        refused["Retry-After"].ShouldBe("1");
        counting.Away = false;
        clock.Advance(TimeSpan.FromSeconds(1));
        (await app.Alice.DepositAsync("k-1")).ShouldBe(201);
    }

    [Fact]
    public async Task A_flood_of_new_callers_fills_no_memory()
    {
        using var quota = new Quota("default", new() { Permits = 2, By = QuotaBy.Address }, 100, counting, clock, NullLogger.Instance);
        var refused = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var http = new DefaultHttpContext { Connection = { RemoteIpAddress = new IPAddress(0x0A000000 + i) } };
            if (!(await quota.TakeAsync(http)).IsAcquired) refused++;
        }

        quota.Callers.ShouldBeInRange(100, 164);
        refused.ShouldBe(20_000 - 100 - (64 * 2));
    }

    [Fact]
    public async Task Addresses_of_one_network_are_one_caller()
    {
        using var quota = new Quota("default", new() { Permits = 1, By = QuotaBy.Address }, 100, counting, clock, NullLogger.Instance);
        foreach (var (
            address, isNew) in new[] { ("2001:db8:0:1::1", true), ("2001:db8:0:1:ffff::2", false), ("2001:db8:0:2::1", true),
            ("10.0.0.1", true), ("::ffff:10.0.0.1", false), ("10.0.0.2", true) })
        {
            var lease = await quota.TakeAsync(new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(address) } });
            lease.IsAcquired.ShouldBe(isNew, address);
        }
    }

    [Fact]
    public async Task Quotas_come_from_the_configuration_and_every_fault_is_named_at_once()
    {
        var faults = (await Should.ThrowAsync<OptionsValidationException>(() => EdgeApp.StartAsync(
            _ => { },
            configure: b => b.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
            {
                ["Surety:Edge:Quotas:all:Permits"] = "7", ["Surety:Edge:Quotas:all:By"] = "ApiKey",
                ["Surety:Edge:Quotas:Bad Name:Permits"] = "0", ["Surety:Edge:Quotas:odd:Window"] = "00:00:01.5",
            })))).Failures.ToList();
        faults.Count.ShouldBe(3);
        faults.ShouldContain(f => f.Contains("\"Bad Name\" is no name"));
        faults.ShouldContain(f => f.Contains("Quotas[\"Bad Name\"].Permits (0)"));
        faults.ShouldContain(f => f.Contains("whole seconds"));
    }

    [Fact]
    public async Task A_quota_that_does_not_exist_is_named()
    {
        await using var app = EdgeApp.Build(host => host.MapGet("/dear", () => "").WithQuota("dear"));
        (await Should.ThrowAsync<InvalidOperationException>(app.StartAsync)).Message.ShouldContain(
            "EdgeOptions.Quotas has no quota of that name");
    }

    [Fact]
    public async Task The_frameworks_own_limiter_refuses_in_the_same_words()
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                host.UseRateLimiter();
                host.MapGet("/thing", () => "").RequireRateLimiting("one");
            },
            configure: b =>
                b.Services.AddRateLimiter(
                    o => o.AddFixedWindowLimiter("one", w => (w.PermitLimit, w.Window) = (1, TimeSpan.FromMinutes(1)))));
        (await app.Alice.FetchAsync("/thing")).ShouldBe(200);
        var refused = (await app.Alice.FetchAsync("/thing")).ShouldBeProblem(429, "quota-exceeded");
        int.Parse(refused["Retry-After"]!).ShouldBeInRange(1, 60);
    }

    [Fact]
    public async Task Curl_comes_back_when_the_refusal_says()
    {
        await using var app = await EdgeApp.StartAsync(
            host => host.MapGet("/open", () => "open").AllowAnonymous(), edge =>
                edge.Quotas["default"] = new() { Permits = 1, Window = TimeSpan.FromSeconds(2), By = QuotaBy.Address });
        (await app.Client().FetchAsync("/open")).ShouldBe(200);
        var watch = Stopwatch.StartNew();
        using var curl = Process.Start(
            new ProcessStartInfo(
                "curl", ["--silent", "--show-error", "--fail", "--retry", "2", "--max-time", "20", new Uri(app.Address, "/open")
                    .ToString()])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        })!;
        var said = await curl.StandardOutput.ReadToEndAsync();
        var complained = await curl.StandardError.ReadToEndAsync();
        await curl.WaitForExitAsync();
        curl.ExitCode.ShouldBe(0, complained);
        said.ShouldBe("open");
        complained.ShouldContain("429");
        watch.Elapsed.ShouldBeGreaterThan(TimeSpan.FromSeconds(1));
    }

    private async Task<EdgeApp> StartAsync(QuotaOptions quota, Action<WebApplicationBuilder>? configure = null)
    {
        var app = Build(quota, configure);
        await app.StartAsync();
        return app;
    }

    private EdgeApp Build(QuotaOptions quota, Action<WebApplicationBuilder>? configure = null, string? folder = null) => EdgeApp.Build(
        host =>
        {
            deposits.Map(host);
            host.MapGet("/thing", () => Interlocked.Increment(ref handled));
            host.MapGet("/open", () => "open").AllowAnonymous();
            host.MapGet("/fails", IResult () => throw new InvalidOperationException("no"));
        },
        edge => edge.Quotas["default"] = quota,
        configure: b =>
        {
            b.Services.AddSingleton<TimeProvider>(clock);
            counting.Wrap(b.Services);
            configure?.Invoke(b);
        },
        folder: folder);

    /// <summary>The store's quotas, counted, and away when told to be.</summary>
    private sealed class CountingQuotas : IQuotaStore
    {
        private readonly ConcurrentDictionary<string, IQuotaStore> real = [];
        private int leases;
        private int asked;

        public bool Away { get; set; }
        public int Leases => leases;
        public int Asked => asked;

        public void Wrap(IServiceCollection services)
        {
            var made = services.Last(s => s.ServiceType == typeof(IQuotaStore)).ImplementationFactory!;
            services.AddSingleton<IQuotaStore>(p =>
            {
                real.TryAdd("store", (IQuotaStore)made(p));
                return this;
            });
        }

        public async ValueTask<LeasedPermits> LeaseAsync(
            ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel)
        {
            Interlocked.Increment(ref asked);
            if (Away) throw new StoreException("away", isTransient: true);
            Interlocked.Increment(ref leases);
            return await real["store"].LeaseAsync(key, want, permits, window, cancel);
        }

        public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) =>
            real["store"].PruneAsync(limit, cancellationToken);
    }

    private sealed class CountingKeys : IApiKeyStore
    {
        private IApiKeyStore real = null!;

        public int Asked { get; private set; }

        public void Wrap(IServiceCollection services)
        {
            var made = services.Last(s => s.ServiceType == typeof(IApiKeyStore)).ImplementationFactory!;
            services.AddSingleton<IApiKeyStore>(p =>
            {
                real = (IApiKeyStore)made(p);
                return this;
            });
        }

        public ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel) => real.AddAsync(key, cancel);

        public ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
        {
            Asked++;
            return real.FindAsync(prefix, cancel);
        }

        public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) =>
            real.ListAsync(principal, after, limit, cancel);

        public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) => real.RevokeAsync(prefix, cancel);

        public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel) =>
            real.RotateAsync(prefix, successor, overlap, cancel);

        public ValueTask<int> EndExpiredAsync(CancellationToken cancel) => real.EndExpiredAsync(cancel);

        public ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel) =>
            real.NoteUsesAsync(uses, cancel);

        public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) => real.PruneAsync(keepFor, limit, cancel);
    }
}
