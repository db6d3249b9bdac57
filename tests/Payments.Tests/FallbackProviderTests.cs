using System.Net.Http.Json;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>A backend with a second provider beside the primary one.</summary>
public class TwoProviders : Backend, IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-fallback-").FullName;
    private ChildProcess? fallback;

    public HttpClient Fallback { get; } = new() { BaseAddress = new Uri($"http://127.0.0.1:{Ports.Free()}") };

    private protected virtual IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["Payouts__FallbackUrl"] = Fallback.BaseAddress!.ToString(),
    };

    private protected override RigOptions Options => new() { Environment = _ => Environment };

    public Task<List<string>> PaidByFallbackAsync() => PaidAsync(Fallback);

    async ValueTask IAsyncLifetime.InitializeAsync()
    {
        fallback = await OpenAsync(Fallback);
        await InitializeAsync();
    }

    async ValueTask IAsyncDisposable.DisposeAsync()
    {
        await DisposeAsync();
        if (fallback is not null) await fallback.DisposeAsync();
        Fallback.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private protected async Task<ChildProcess> OpenAsync(HttpClient address)
    {
        var (program, port) = (Programs.Find().Provider, address.BaseAddress!.Port);
        var provider = ChildProcess.Start(program, folder, new Dictionary<string, string>
        {
            ["ASPNETCORE_URLS"] = address.BaseAddress.GetLeftPart(
                UriPartial.Authority), ["ConnectionStrings__main"] = $"Data Source={port}.db", ["Logging__LogLevel__Default"] = "Warning",
        });
        await provider.UntilAnswersAsync(address, "/troubles", program, default);
        return provider;
    }

    private protected static async Task<List<string>> PaidAsync(HttpClient provider) =>
        [.. (await provider.GetFromJsonAsync<List<ProviderPayment>>("/payments?after=0"))!.Where(p => p.State == "paid").Select(
            p => p.Destination)];
}

/// <summary>As before, and nobody listens at the primary one's address until it is opened.</summary>
public sealed class UnreachablePrimary : TwoProviders
{
    private readonly HttpClient primary = new() { BaseAddress = new Uri($"http://127.0.0.1:{Ports.Free()}") };

    private protected override IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(base.Environment)
    {
        ["Payouts__PrimaryUrl"] = primary.BaseAddress!.ToString(),
    };

    internal Task<ChildProcess> OpenPrimaryAsync() => OpenAsync(primary);

    public Task<List<string>> PaidByPrimaryAsync() => PaidAsync(primary);
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

        var primary = (await ProviderPayment.AllAsync(backend.Rig, default))
            .Where(p => p.State == "paid").Select(p => p.Destination).ToList();
        var fallback = await backend.PaidByFallbackAsync();
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

        var paid = (await ProviderPayment.AllAsync(backend.Rig, default)).Concat(
            (await backend.Fallback.GetFromJsonAsync<List<ProviderPayment>>("/payments?after=0"))!);
        paid.Where(p => p.Destination == "paid-in-silence").ShouldHaveSingleItem().State.ShouldBe("paid");
        (await backend.BalanceAsync(account)).ShouldBe(700);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }
}

public class UnreachablePrimaryTests(UnreachablePrimary backend) : IClassFixture<UnreachablePrimary>
{
    [Fact]
    public async Task While_the_primary_provider_cannot_be_reached_new_payouts_go_to_the_other_and_those_it_was_asked_for_wait_for_it()
    {
        var account = await backend.AccountAsync(10_000);
        var jobs = new List<string>();
        for (var i = 0; i < 24; i++)
        {
            jobs.Add((await backend.PayOutAsync(account, 100, $"p{i}")).ShouldBe(202)["id"]!);
            // One after the other: by and by it is known that nothing is sent to the primary.
            if (i < 12)
                await Backend.UntilAsync(async () => await backend.GetAsync($"/jobs/{jobs[^1]}") is { } job
                    && (job["status"] == "succeeded" || job.Json.GetProperty("attempt").GetInt32() > 0), () => $"payout {i} is not tried");
        }

        await Backend.UntilAsync(
            async () => (await backend.PaidByFallbackAsync()).Count >= 6, () => "nobody is paid by the other provider");
        (await backend.AuditAsync()).OpenHolds.ShouldBeGreaterThan(0, "nothing waits for the primary provider");

        await using var primary = await backend.OpenPrimaryAsync();
        foreach (var job in jobs) await backend.JobUntilAsync(job, "succeeded");
        await backend.QuietAsync();
        var paid = (await backend.PaidByPrimaryAsync()).Concat(await backend.PaidByFallbackAsync()).ToList();
        paid.Order(StringComparer.Ordinal).ShouldBe(Enumerable.Range(0, 24).Select(i => $"p{i}").Order(StringComparer.Ordinal));
        (await backend.BalanceAsync(account)).ShouldBe(10_000 - 2_400);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }
}
