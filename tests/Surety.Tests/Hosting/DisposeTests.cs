using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Surety.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Hosting;

public sealed class SqliteDisposeTests() : DisposeTests(SqlitePlace.OpenAsync);

public sealed class PostgresDisposeTests() : DisposeTests(PostgresPlace.OpenAsync);

/// <summary>The caller that disposes of a host may block the only thread its synchronization context has, as windows do.</summary>
public abstract class DisposeTests(Func<Task<Place>> open)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Disposing_of_a_host_ends_though_the_caller_blocks_the_only_thread_of_its_context(bool isAsync, bool stopped)
    {
        await using var place = await open();
        using var window = new OneThread();
        var ended = false;
        await window.RunAsync(async () =>
        {
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
            builder.AddSurety(surety =>
            {
                place.Use(surety);
                surety.Handle<Ping, Plain<Ping>>();
            });
            var pings = new Script<Ping>();
            builder.Services.AddSingleton(pings);
            var host = builder.Build();
            await host.StartAsync();
            await host.Services.GetRequiredService<IQueue>().EnqueueAsync(new Ping(1));
            await WorkingHost.UntilAsync(() => Task.FromResult(!pings.Seen.IsEmpty));
            if (stopped) await host.StopAsync();

            window.IsHere.ShouldBeTrue();
            if (isAsync) ended = ((IAsyncDisposable)host).DisposeAsync().AsTask().Wait(Patience);
            else ended = Disposed(host);
        }).WaitAsync(Patience * 3);
        ended.ShouldBeTrue();
    }

    private static bool Disposed(IHost host)
    {
        host.Dispose();
        return true;
    }
}
