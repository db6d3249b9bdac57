using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

public class HealthTests
{
    private readonly Patient patient = new();

    [Theory]
    [InlineData("/livez")]
    [InlineData("/readyz")]
    [InlineData("/startupz")]
    public async Task A_host_at_work_says_ok_to_anybody(string path)
    {
        await using var app = await StartAsync();
        foreach (var client in new[] { app.Client(), app.Client("sk_wrong"), app.Alice })
        {
            var answer = (await client.FetchAsync(path)).ShouldBe(200);
            answer.Text.ShouldBe("ok");
            answer["Content-Type"].ShouldBe("text/plain; charset=utf-8");
            answer["Cache-Control"].ShouldBe("no-store");
            (await client.FetchAsync(path + "?verbose")).Text.ShouldBe("ok");
        }

        var head = (await app.Client().SendAsync(HttpMethod.Head, path)).ShouldBe(200);
        head.Body.ShouldBeEmpty();
        head["Cache-Control"].ShouldBe("no-store");
    }

    [Fact]
    public async Task A_starting_host_is_alive_and_neither_started_nor_ready()
    {
        var slow = new SlowStart();
        await using var app = Build(configure: b => b.Services.AddHostedService(_ => slow));
        var starting = app.Host.StartAsync();
        await slow.Reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
        var probe = app.Client();
        (await probe.FetchAsync("/livez")).ShouldBe(200);
        var startup = (await probe.FetchAsync("/startupz")).ShouldBe(503);
        startup.Text.ShouldBe("starting");
        startup["Cache-Control"].ShouldBe("no-store");
        (await probe.FetchAsync("/readyz")).ShouldBe(503).Text.ShouldBe("not ready");
        slow.Go.SetResult();
        await starting;
        (await probe.FetchAsync("/startupz")).ShouldBe(200).Text.ShouldBe("ok");
        (await probe.FetchAsync("/readyz")).ShouldBe(200);
    }

    [Fact]
    public async Task A_host_that_was_told_to_stop_says_so_first_and_goes_on_serving_for_a_while()
    {
        var deposits = new Deposits();
        await using var app = Build(deposits.Map, edge => edge.StopDelay = TimeSpan.FromSeconds(3));
        await app.StartAsync();
        var stopping = app.Host.StopAsync();
        Answer? ready = null;
        await EdgeApp.UntilAsync(async () => (ready = await app.Client().FetchAsync("/readyz")).Status == 503);
        ready!.Text.ShouldBe("draining");
        ready["Cache-Control"].ShouldBe("no-store");
        (await app.Client().FetchAsync("/livez")).ShouldBe(200);
        (await app.Client().FetchAsync("/startupz")).ShouldBe(200);
        (await app.Alice.DepositAsync("late")).ShouldBe(201);
        stopping.IsCompleted.ShouldBeFalse();
        await stopping;
        await Should.ThrowAsync<HttpRequestException>(() => app.Client().FetchAsync("/livez"));
    }

    [Fact]
    public async Task A_process_that_stands_by_is_ready_and_says_what_it_waits_for()
    {
        var folder = Directory.CreateTempSubdirectory("surety-edge-").FullName;
        await using (var first = EdgeApp.Build(_ => { }, folder: folder))
        {
            await first.StartAsync();
            await EdgeApp.UntilAsync(async () => await first.ScalarAsync("SELECT count(*) FROM surety_node") == 1);
            await using var second = EdgeApp.Build(_ => { }, folder: folder);
            await second.StartAsync();
            await EdgeApp.UntilAsync(() => Task.FromResult(second.Get<SuretyHealth>().IsStandby));
            (await second.Client().FetchAsync("/readyz")).ShouldBe(200).Text.ShouldBe("ok");
            (await (await second.ClientAsync("olga", "operator")).FetchAsync("/readyz?verbose"))
                .ShouldBe(200).Text.ShouldContain("Standby: another process works on this store");
            (await (await first.ClientAsync("olga", "operator")).FetchAsync("/readyz?verbose")).Text.ShouldNotContain("Standby");
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Operators_are_told_more_and_what_a_person_should_look_at_does_not_make_a_host_unready()
    {
        var clock = new ShiftedTime();
        await using var app = Build(
            surety: s => s.Configure(o => o.NodeLease = TimeSpan.FromSeconds(1)).Queue("mail", _ => { }),
            configure: b => b.Services.AddSingleton<TimeProvider>(clock));
        await app.StartAsync();
        var operators = await app.ClientAsync("olga", "operator");
        var well = (await operators.FetchAsync("/readyz?verbose")).ShouldBe(200);
        well["Content-Type"].ShouldBe("application/json");
        well["Cache-Control"].ShouldBe("no-store");
        well.Member("status").ShouldBe("ok");
        well.Member("problems").ShouldBe("[]");
        well.Json.GetProperty("details").EnumerateArray().ShouldHaveSingleItem().GetString().ShouldNotBeNull()
            .ShouldStartWith("Store: SQLite");

        await app.Get<IQueues>().PauseAsync("mail", "the mail service is down");
        clock.Advance(TimeSpan.FromSeconds(20));
        await EdgeApp.UntilAsync(
            async () =>
                (await operators.FetchAsync("/readyz?verbose"))
                    .ShouldBe(200).Text.Contains("Queue mail is paused: the mail service is down", StringComparison.Ordinal));
        (await app.Client().FetchAsync("/readyz?verbose")).ShouldBe(200).Text.ShouldBe("ok");
        (await app.Alice.FetchAsync("/readyz?verbose")).ShouldBe(200).Text.ShouldBe("ok");
    }

    [Fact]
    public async Task The_frameworks_own_health_checks_say_what_readyz_says()
    {
        await using var app = Build(configure: b => b.Services.AddHealthChecks().AddSurety().AddSurety("traffic", HealthStatus.Degraded));
        await app.StartAsync();
        var ready = await CheckAsync();
        ready.Values.ShouldAllBe(e => e.Status == HealthStatus.Healthy);
        ready["surety"].Description.ShouldNotBeNull().ShouldStartWith("Store: SQLite");
        ready["surety"].Data["status"].ShouldBe("ok");

        await app.Host.StopAsync();
        var stopped = await CheckAsync();
        (stopped["surety"].Status, stopped["traffic"].Status).ShouldBe((HealthStatus.Unhealthy, HealthStatus.Degraded));
        stopped["surety"].Description.ShouldNotBeNull().ShouldStartWith("The host is shutting down.");
        stopped["surety"].Data["status"].ShouldBe("draining");

        async Task<IReadOnlyDictionary<string, HealthReportEntry>> CheckAsync() =>
            (await app.Get<HealthCheckService>().CheckHealthAsync()).Entries;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_host_whose_store_is_ill_is_alive_and_not_ready_and_tells_its_operators_why(bool silent)
    {
        var clock = new ShiftedTime();
        await using var app = Build(configure: b =>
        {
            b.Services.AddSingleton<TimeProvider>(clock);
            patient.Wrap(b.Services);
        });
        await app.StartAsync();
        var operators = await app.ClientAsync("olga", "operator");
        (await operators.FetchAsync("/readyz?verbose")).ShouldBe(200);

        (patient.Ill, patient.Silent) = (true, silent);
        clock.Advance(ApiKeyCache.Freshness);
        (await operators.FetchAsync("/livez")).ShouldBe(200);
        (await operators.FetchAsync("/startupz")).ShouldBe(200);
        (await app.Client().FetchAsync("/readyz")).ShouldBe(503).Text.ShouldBe("not ready");
        var told = (await operators.FetchAsync("/readyz?verbose")).ShouldBe(503);
        told["Cache-Control"].ShouldBe("no-store");
        told.Json.GetProperty("problems").EnumerateArray().Select(p => p.GetString())
            .ShouldContain(silent ? "Store: did not answer within 2 s" : "Store: the patient is ill");
        // Everywhere else nobody can be let in whose key cannot be looked up.
        (await operators.FetchAsync("/jobs/1")).ShouldBeProblem(503, "dependency-unavailable");

        patient.Ill = false;
        (await app.Client().FetchAsync("/readyz")).ShouldBe(200).Text.ShouldBe("ok");
    }

    [Fact]
    public async Task Probes_leave_no_span()
    {
        var stopped = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore", Sample = (ref _) =>
                ActivitySamplingResult.AllDataAndRecorded, ActivityStopped = stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var app = await StartAsync();
        var seen = new List<string>();
        foreach (var path in new[] { "/livez", "/readyz", "/startupz", "/jobs/1" })
        {
            var trace = ActivityTraceId.CreateRandom().ToHexString();
            await app.Alice.FetchAsync(path, ("traceparent", $"00-{trace}-b7ad6b7169203331-01"));
            Activity? span = null;
            await EdgeApp.UntilAsync(
                () => Task.FromResult((span = stopped.FirstOrDefault(a => a.TraceId.ToHexString() == trace)) is not null));
            if (span!.Recorded) seen.Add(path);
        }

        seen.ShouldBe(["/jobs/1"]);
    }

    private static async Task<EdgeApp> StartAsync()
    {
        var app = Build();
        await app.StartAsync();
        return app;
    }

    private static EdgeApp Build(
        Action<WebApplication>? map = null, Action<EdgeOptions>? edge = null, Action<Surety.Hosting.SuretyBuilder>? surety = null,
            Action<WebApplicationBuilder>? configure = null) =>
        EdgeApp.Build(map ?? (_ => { }), edge, surety, configure);

    private sealed class SlowStart : IHostedLifecycleService
    {
        public TaskCompletionSource Reached { get; } = new();
        public TaskCompletionSource Go { get; } = new();

        public async Task StartedAsync(CancellationToken cancellationToken)
        {
            Reached.SetResult();
            await Go.Task;
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>A store that falls ill when told to.</summary>
    private sealed class Patient
    {
        public bool Ill { get; set; }
        public bool Silent { get; set; }

        public void Wrap(IServiceCollection services)
        {
            var store = services.Last(s => s.ServiceType == typeof(IStore)).ImplementationFactory!;
            var keys = services.Last(s => s.ServiceType == typeof(IApiKeyStore)).ImplementationFactory!;
            services.AddSingleton<IStore>(p => new IllStore((IStore)store(p), this));
            services.AddSingleton<IApiKeyStore>(p => new IllKeys((IApiKeyStore)keys(p), this));
        }
    }

    private sealed class IllStore(IStore real, Patient patient) : IStore
    {
        public string StoreId => real.StoreId;

        public ReadOnlyMemory<byte> SigningKey => real.SigningKey;

        public Task OpenAsync(CancellationToken cancel) => real.OpenAsync(cancel);

        public async ValueTask<StoreStatus> CheckAsync(CancellationToken cancel)
        {
            if (!patient.Ill) return await real.CheckAsync(cancel);
            if (patient.Silent) await new TaskCompletionSource().Task;
            return new StoreStatus(false, "the patient is ill");
        }
    }

    private sealed class IllKeys(IApiKeyStore real, Patient patient) : IApiKeyStore
    {
        public ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel) => real.AddAsync(key, cancel);

        public ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel) =>
            patient.Ill ? throw new StoreException("ill", isTransient: true) : real.FindAsync(prefix, cancel);

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
