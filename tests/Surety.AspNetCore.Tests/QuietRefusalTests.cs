using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Surety.AspNetCore.Tests;

/// <summary>What anybody can cause fills no log and ends no process.</summary>
public sealed class QuietRefusalTests
{
    [Fact]
    public async Task A_request_without_a_good_credential_is_counted_and_not_logged()
    {
        var counted = new List<string>();
        await using var app = await EdgeApp.StartAsync(
            Orders.Map, configure: b => b.Logging.SetMinimumLevel(LogLevel.Information)
                .AddFilter("Microsoft.AspNetCore.Hosting", LogLevel.Warning)
                .AddFilter("Microsoft.AspNetCore.Routing", LogLevel.Warning));
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "surety.http.unauthenticated" && instrument.Meter.Scope == app.Get<IMeterFactory>())
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            lock (counted) counted.Add((string)tags[0].Value!);
        });
        listener.Start();
        var before = app.Log.Lines.Count;
        var nobody = app.Client();
        (await nobody.FetchAsync("/secret")).ShouldBeProblem(401, "unauthenticated");
        (await nobody.FetchAsync("/secret", ("Authorization", "Bearer sk_wrong"))).ShouldBeProblem(401, "unauthenticated");
        (await app.Alice.FetchAsync("/secret")).ShouldBeProblem(403, "forbidden");
        app.Log.Lines.Skip(before).Where(l => !l.Contains(" scope ", StringComparison.Ordinal)).ShouldBeEmpty();
        counted.ShouldBe(["none", "wrong"]);
    }

    [Fact]
    public async Task The_development_keys_warning_has_a_category_of_its_own()
    {
        await using var app = await EdgeApp.StartAsync(
            Orders.Map, edge => edge.DevelopmentKey = "letmein42", environment: "Development");
        app.Log.Lines.Where(l => l.Contains("development API key", StringComparison.Ordinal)).ShouldHaveSingleItem()
            .ShouldContain("DevelopmentKeyWarning");
    }

    [Fact]
    public async Task A_file_that_may_not_grow_does_not_end_the_process()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no such signal.");
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        // What the kernel does to a process that writes beyond `ulimit -f`.
        using var kill = Process.Start("sh", ["-c", $"kill -XFSZ {Environment.ProcessId}"]);
        await kill.WaitForExitAsync();
        kill.ExitCode.ShouldBe(0);
        (await app.Client().FetchAsync("/readyz")).ShouldBe(200);
    }
}
