using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Limits;
using Surety.Tests.Hosting;

namespace Surety.AspNetCore.Tests;

public sealed class SeveralHostsTests
{
    private static readonly string[] OfTheEdge =
    [
        "surety.quota.refused", "surety.http.shed", "surety.http.concurrency.limit", "surety.http.at_work", "surety.http.streams",
        "surety.outgoing.attempts", "surety.outgoing.circuit.open",
    ];

    [Fact]
    public async Task Web_hosts_that_have_ended_leave_neither_an_instrument_nor_their_limits_behind()
    {
        var limits = new List<WeakReference>();
        for (var i = 0; i < 3; i++) limits.AddRange(await LiveAsync());
        await EdgeApp.UntilAsync(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return Task.FromResult(limits.All(l => !l.IsAlive));
        }, () => $"{limits.Count(l => l.IsAlive)} of {limits.Count} are still in memory");
    }

    /// <summary>A host from its start to its end, and what its gauges read.</summary>
    // Not inlined, or the test's own frame would keep the host.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference[]> LiveAsync()
    {
        WeakReference[] limits;
        IMeterFactory scope;
        await using (var app = await EdgeApp.StartAsync(
            host => host.MapGet("/things", () => "things"),
            configure: builder => builder.Services.AddHttpClient("other").AddResilience()))
        {
            (await app.Alice.FetchAsync("/things")).Status.ShouldBe(200);
            scope = app.Get<IMeterFactory>();
            limits = [new(app.Get<Admission>()), new(app.Get<StreamRoom>()), new(app.Get<OutgoingCalls>())];
            var instruments = Instruments.Of(scope);
            instruments.ShouldBeUnique();
            OfTheEdge.Except(instruments).ShouldBeEmpty();
        }

        Instruments.Of(scope).ShouldBeEmpty();
        return limits;
    }
}
