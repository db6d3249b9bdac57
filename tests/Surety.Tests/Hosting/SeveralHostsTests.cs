using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Hosting;

public sealed class SeveralHostsTests
{
    [Fact]
    public async Task Hosts_that_have_ended_leave_neither_an_instrument_nor_their_store_behind()
    {
        var stores = new List<WeakReference>();
        for (var i = 0; i < 3; i++) stores.Add(await LiveAsync());
        await WorkingHost.UntilAsync(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return Task.FromResult(stores.All(s => !s.IsAlive));
        }, () => $"{stores.Count(s => s.IsAlive)} of {stores.Count} stores are still in memory");
    }

    /// <summary>A host from its start to its end.</summary>
    // Not inlined, or the test's own frame would keep the host.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> LiveAsync()
    {
        var pings = new Script<Ping>();
        WeakReference store;
        IMeterFactory scope;
        await using (var host = await WorkingHost.StartAsync(s => s.Handle<Ping, Plain<Ping>>(), services: s => s.AddSingleton(pings)))
        {
            scope = host.Get<IMeterFactory>();
            store = new WeakReference(host.Get<SqliteStore>());
            await host.Queue.EnqueueAsync(new Ping(1));
            await WorkingHost.UntilAsync(
                () => Task.FromResult(!pings.Seen.IsEmpty && Instruments.Of(scope).Contains("surety.queue.depth")));
            Instruments.Of(scope).ShouldBeUnique();
            Instruments.Of(scope).ShouldContain("messaging.client.sent.messages");
        }

        Instruments.Of(scope).ShouldBeEmpty();
        return store;
    }
}
