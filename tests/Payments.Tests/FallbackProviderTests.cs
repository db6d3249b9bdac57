using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Surety.Cli.Rigs;

namespace Payments.Tests;

/// <summary>A backend with a second provider beside the primary one.</summary>
public sealed class TwoProviders : Backend, IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-fallback-").FullName;
    private ChildProcess? fallback;

    public HttpClient Fallback { get; } = new() { BaseAddress = new Uri($"http://127.0.0.1:{FreePort()}") };

    private protected override RigOptions Options => new() { Environment = _ => new Dictionary<string, string> { ["Payouts__FallbackUrl"] = Fallback.BaseAddress!.ToString() } };

    async Task IAsyncLifetime.InitializeAsync()
    {
        var program = Programs.Find().Provider;
        fallback = ChildProcess.Start(program, folder, new Dictionary<string, string> { ["ASPNETCORE_URLS"] = Fallback.BaseAddress!.GetLeftPart(UriPartial.Authority), ["Logging__LogLevel__Default"] = "Warning" });
        await fallback.UntilAnswersAsync(Fallback, "/troubles", program, default);
        await InitializeAsync();
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        await DisposeAsync();
        if (fallback is not null) await fallback.DisposeAsync();
        Fallback.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

public class FallbackProviderTests(TwoProviders backend) : IClassFixture<TwoProviders>
{
    [Fact]
    public async Task What_the_primary_provider_only_fails_at_is_voided_there_and_paid_by_the_other()
    {
        var account = await backend.AccountAsync(10_000);
        await backend.TroubleAsync(new { failPercent = 100 });
        var jobs = new List<string>();
        for (var i = 0; i < 12; i++) jobs.Add((await backend.PayOutAsync(account, 100, $"moved-{i}")).ShouldBe(202)["id"]!);
        foreach (var job in jobs) await backend.JobUntilAsync(job, "succeeded");
        // By now nothing is sent to the primary, so who comes new goes to the other at once.
        await backend.TroubleAsync(new { });
        await backend.QuietAsync();

        var primary = (await ProviderPayment.AllAsync(backend.Rig, default)).Where(p => p.State == "paid").Select(p => p.Destination).ToList();
        var fallback = (await backend.Fallback.GetFromJsonAsync<List<ProviderPayment>>("/payments?after=0"))!.Where(p => p.State == "paid").Select(p => p.Destination).ToList();
        var ours = primary.Concat(fallback).Where(d => d.StartsWith("moved-", StringComparison.Ordinal)).ToList();
        ours.Count.ShouldBe(12);
        ours.Distinct().Count().ShouldBe(12, "somebody was paid twice");
        fallback.ShouldNotBeEmpty();
        (await backend.BalanceAsync(account)).ShouldBe(10_000 - 1_200);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }

    [Fact]
    public async Task What_the_primary_provider_has_paid_without_saying_so_is_not_paid_by_the_other()
    {
        var account = await backend.AccountAsync(1_000);
        await backend.TroubleAsync(new { losePercent = 100 });
        var job = (await backend.PayOutAsync(account, 300, "paid-in-silence")).ShouldBe(202)["id"]!;
        await backend.JobUntilAsync(job, "succeeded");
        await backend.TroubleAsync(new { });
        await backend.QuietAsync();

        var paid = (await ProviderPayment.AllAsync(backend.Rig, default)).Concat((await backend.Fallback.GetFromJsonAsync<List<ProviderPayment>>("/payments?after=0"))!);
        paid.Where(p => p.Destination == "paid-in-silence").ShouldHaveSingleItem().State.ShouldBe("paid");
        (await backend.BalanceAsync(account)).ShouldBe(700);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }
}
