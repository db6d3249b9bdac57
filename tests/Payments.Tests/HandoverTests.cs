using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs;

namespace Payments.Tests;

[Trait("Category", "Alone")]
public sealed class HandoverTests(ITestOutputHelper output)
{
    private const int Payouts = 8;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(Counts.AreWhole ? 15 : 4);

    private static RigOptions Options => new(
        RigOptions.Postgres, Nodes: 2, Environment: _ => new Dictionary<string, string> { ["Surety__NodeLease"] = Lease.ToString() });

    [Fact]
    public async Task Once_its_lease_is_over_a_killed_nodes_payouts_are_paid_by_another()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await using var rig = await Rig.StartAroundAsync(Programs.Find(), Options, limit.Token);
        var (killed, heir) = (rig.Nodes[0], rig.Nodes[1]);
        await killed.StartAsync(limit.Token);
        using var opened = await killed.Http.PostAsJsonAsync(
            "/accounts", new { owner = "somebody", currency = "EUR", overdraftLimit = "1000" }, limit.Token);
        var account = (await opened.Content.ReadFromJsonAsync<JsonElement>(limit.Token)).GetProperty("id").GetString()!;

        // It has claimed them all before there is another node, and waits for the provider.
        await rig.TroubleAsync(new { delayMs = 4_000 }, limit.Token);
        for (var i = 0; i < Payouts; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/payouts")
            {
                Content = JsonContent.Create(
                    new { account, amount = "10", destination = $"p{i}" }), Headers = { { "Idempotency-Key", $"p{i}" } },
            };
            using var answer = await killed.Http.SendAsync(request, limit.Token);
            ((int)answer.StatusCode).ShouldBe(202);
        }

        while (await rig.Provider.GetStringAsync("/in-flight", limit.Token) != Payouts.ToString(CultureInfo.InvariantCulture))
            await Task.Delay(5, limit.Token);
        await rig.TroubleAsync(new { }, limit.Token);
        heir.Spawn();
        var since = Stopwatch.GetTimestamp();
        await killed.KillAsync();
        while (await rig.Postgres!.QueryAsync("SELECT count(*) FROM payout WHERE state = 'paid'", limit.Token) != Payouts.ToString(
            CultureInfo.InvariantCulture)) await Task.Delay(50, limit.Token);
        var took = Stopwatch.GetElapsedTime(since);
        output.WriteLine($"handed over and paid {took.TotalSeconds:0.0} s after the kill");
        // The lease, the pause between two looks, the heir's own start, and what a busy machine adds.
        took.ShouldBeLessThan(Lease + TimeSpan.FromSeconds(5 + 10));
        (await ProviderPayment.AllAsync(rig, limit.Token)).Count.ShouldBe(Payouts);
    }
}
