using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Surety.Tests.Processing;
using Surety.Tests.Sqlite;

namespace Surety.Tests.Hosting;

public class ConfigurationTests
{
    [Fact]
    public async Task A_misconfigured_host_refuses_to_start_and_names_every_fault_at_once()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddSurety(s => s
            .Queue("Bad Name", q => q.Concurrency = 0)
            .Queue("default", q => (q.HandlerTimeout, q.RateLimit, q.Retention) = (TimeSpan.Zero, -1, TimeSpan.FromSeconds(-5)))
            .Handle<Ping, Plain<Ping>>()
            .Handle<Ping, Plain<Ping>>("other")
            .Handle<Unnamed, Plain<Unnamed>>()
            .HandleBatch<Pong, NoBatch>(maxSize: 0)
            .OnDead<Orphan>(o => o)
            .Upcast<Ping>(1, json => json)
            .Configure(o => (o.NodeLease, o.MaxDeaths, o.KeepEndedKeys) = (TimeSpan.Zero, 0, TimeSpan.FromHours(1))));
        using var host = builder.Build();

        var fault = await Should.ThrowAsync<InvalidOperationException>(() => host.StartAsync());
        string[] expected =
        [
            "No store is chosen", "\"Bad Name\": that is not a name",
            "Concurrency is 0", "HandlerTimeout is 00:00:00", "RateLimit is -1", "Retention is", "has two handlers on this host",
            "Unnamed has no [Message", "NoBatch: maxSize is 0",
            "OnDead<Orphan> is registered, but no handler", "Upcast<Ping>(1): there is no such older version", "SuretyOptions.NodeLease",
            "SuretyOptions.MaxDeaths", "SuretyOptions.KeepEndedKeys is 01:00:00",
        ];
        foreach (var text in expected) fault.Message.ShouldContain(text);
    }

    [Fact]
    public async Task A_command_opens_the_store_of_a_host_that_does_not_start()
    {
        await using var file = new DatabaseFile();
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddSurety(s => s.UseSqlite($"Data Source={file.Path}"));
        using (var host = builder.Build())
        {
            await host.Services.OpenStoreAsync();
            (await host.Services.GetRequiredService<IQueues>().ListAsync()).ShouldBeEmpty();
        }

        var wrong = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        wrong.AddSurety(s => s.Configure(o => o.MaxDeaths = 0));
        using var misconfigured = wrong.Build();
        (await Should.ThrowAsync<InvalidOperationException>(() => misconfigured.Services.OpenStoreAsync()))
            .Message.ShouldContain("No store is chosen");
    }

    [Fact]
    public async Task A_handler_whose_dependency_is_not_registered_is_a_fault_of_the_start()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton<Middle>().AddSingleton(new Script<Letter>()).AddKeyedSingleton<Script<Pong>>("some");
        builder.AddSurety(s => s
            .Handle<Ping, NeedsMissing>()
            .Handle<Pong, NeedsKeyed>()
            .Handle<Letter, NeedsNothingElse>()
            .Configure(o => o.MaxDeaths = 0));
        using var host = builder.Build();
        var fault = await Should.ThrowAsync<InvalidOperationException>(() => host.StartAsync());
        string[] expected =
        [
            "NeedsMissing, which needs Middle, needs IAsyncDisposable, which is not registered. Register it", "SuretyOptions.MaxDeaths",
            "NeedsKeyed needs Script<Pong> under the key \"other\", which is not registered.",
        ];
        foreach (var text in expected) fault.Message.ShouldContain(text);
        fault.Message.ShouldNotContain(nameof(NeedsNothingElse));
    }

    [Fact]
    public async Task A_handler_that_the_application_registered_itself_is_the_one_that_runs()
    {
        var own = new Script<Ping>();
        await using var host = await WorkingHost.StartAsync(s =>
        {
            s.Services.AddScoped(_ => new Plain<Ping>(own));
            s.Handle<Ping, Plain<Ping>>();
        }, services: services => services.AddSingleton(new Script<Ping>()));
        await host.Queue.EnqueueAsync(new Ping(1));
        await WorkingHost.UntilAsync(() => Task.FromResult(own.Seen.Count == 1));
    }

    [Fact]
    public async Task Long_ago_means_now()
    {
        var script = new Script<Ping>();
        foreach (var open in (Func<Task<Place>>[])[SqlitePlace.OpenAsync, PostgresPlace.OpenAsync])
        {
            await using var place = await open();
            await using var host = await WorkingHost.StartAsync(
                s => s.Handle<Ping, Plain<Ping>>(), place, services => services.AddSingleton(script));
            var id = (await host.Queue.EnqueueAsync(
                new Ping(1), new EnqueueOptions { DueAt = DateTimeOffset.MinValue, Tracked = true })).Id;
            await host.UntilAsync(id, MessageStatus.Succeeded);
        }
    }

    private sealed class Middle(IAsyncDisposable missing)
    {
        public IAsyncDisposable Missing => missing;
    }

    private sealed class NeedsMissing(Middle middle) : IHandler<Ping>
    {
        public Task<Outcome> HandleAsync(Delivery<Ping> delivery, CancellationToken cancellationToken) =>
            throw new NotSupportedException(middle.GetType().Name);
    }

    private sealed class NeedsKeyed([FromKeyedServices("other")] Script<Pong> script) : IHandler<Pong>
    {
        public Task<Outcome> HandleAsync(Delivery<Pong> delivery, CancellationToken cancellationToken) =>
            throw new NotSupportedException(script.GetType().Name);
    }

    private sealed class NeedsNothingElse(
        Script<Letter> script, IServiceProvider services, IEnumerable<IAsyncDisposable> all, IAsyncDisposable? one = null)
        : IHandler<Letter>
    {
        public Task<Outcome> HandleAsync(Delivery<Letter> delivery, CancellationToken cancellationToken) =>
            throw new NotSupportedException(string.Join(' ', script.GetType(), services.GetType(), all.Count(), one?.GetType()));
    }

    [Fact]
    public void Adding_Surety_twice_is_refused_at_once()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddSurety(_ => { });
        Should.Throw<InvalidOperationException>(() => builder.AddSurety(_ => { })).Message.ShouldContain("twice");
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task An_enqueue_outside_the_limits_throws_and_stores_nothing(string says)
    {
        var options = BadOptions[says];
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false));
        var fault = await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(new Ping(1), options));
        fault.Message.ShouldContain(says);
        (await host.Messages.ListAsync(new MessageFilter())).Items.ShouldBeEmpty();
    }

    public static TheoryData<string> Refusals => [.. BadOptions.Keys];

    /// <summary>By what is said of them. Not in the test's name, which goes into a file that half a character breaks off.</summary>
    private static readonly Dictionary<string, EnqueueOptions> BadOptions = new()
    {
        ["is not a name"] = new EnqueueOptions { Queue = "No Such Name" },
        ["Delay"] = new EnqueueOptions { Delay = TimeSpan.FromSeconds(-1) },
        ["DueAt 9999-12-31"] = new EnqueueOptions { DueAt = DateTimeOffset.MaxValue },
        ["both set"] = new EnqueueOptions { Delay = TimeSpan.FromSeconds(1), DueAt = DateTimeOffset.UnixEpoch },
        ["Priority 9"] = new EnqueueOptions { Priority = (Priority)9 },
        ["OrderingKey has 201"] = new EnqueueOptions { OrderingKey = new string('k', 201) },
        ["UniqueKey has 0"] = new EnqueueOptions { UniqueKey = "" },
        ["UniqueKey holds U+0000"] = new EnqueueOptions { UniqueKey = "a\0" },
        ["half a surrogate pair"] = new EnqueueOptions { OrderingKey = "a\ud83d" },
        ["without a UniqueKey"] = new EnqueueOptions { UniqueFor = TimeSpan.FromSeconds(1) },
        ["33 headers"] = new EnqueueOptions { Headers = Enumerable.Range(0, 33).ToDictionary(i => $"h{i}", _ => "v") },
        ["characters"] = new EnqueueOptions { Headers = new Dictionary<string, string> { ["h"] = new string('v', 5000) } },
    };

    [Fact]
    public async Task A_payload_that_is_too_large_or_has_no_name_is_refused()
    {
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => (o.Work, o.MaxBodyBytes) = (false, 100)));
        (await Should.ThrowAsync<ArgumentException>(
            async () => await host.Queue.EnqueueAsync(new Text(new string('x', 200))))).Message.ShouldContain("at most 100");
        (await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(new Unnamed()))).Message.ShouldContain(
            "[Message(");
    }

    public sealed record Unnamed;

    [Message("test.orphan")]
    public sealed record Orphan;

    [Message("test.text")]
    public sealed record Text(string Value);

    public sealed class NoBatch : IBatchHandler<Pong>
    {
        public Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Pong>> deliveries, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
