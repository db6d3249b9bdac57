using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Health;

/// <summary>What a host says of itself.</summary>
/// <param name="Ok">Whether it can do what was asked about.</param>
/// <param name="Status">One word or two for probes.</param>
/// <param name="Problems">What keeps it from that, each a sentence.</param>
/// <param name="Details">What operators want to know besides.</param>
internal readonly record struct HostReport(bool Ok, string Status, IReadOnlyList<string> Problems, IReadOnlyList<string> Details);

/// <summary>
/// Whether the host can do its work and is not going away: what <c>/readyz</c> says, and Surety's entry in the framework's health checks.
/// </summary>
internal static class Readiness
{
    private static readonly TimeSpan StorePatience = TimeSpan.FromSeconds(2);

    public static async Task<HostReport> ReadAsync(IServiceProvider services, CancellationToken cancel)
    {
        var health = services.GetRequiredService<SuretyHealth>();
        var isStopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested
            || health.Draining;
        var store = await CheckAsync(services.GetRequiredService<IStore>(), services.GetRequiredService<TimeProvider>(), cancel);

        var problems = new List<string>();
        if (isStopping) problems.Add("The host is shutting down.");
        else if (!IsStarted(services)) problems.Add("The host has not finished starting.");
        if (!store.Ready) problems.Add($"Store: {store.Detail}");
        problems.AddRange(health.Problems);
        var status = problems.Count == 0 ? "ok" : isStopping ? "draining" : "not ready";
        return new HostReport(problems.Count == 0, status, problems, [.. Details(services, store, health)]);
    }

    /// <summary>Surety has started, and whatever else the host runs.</summary>
    public static bool IsStarted(IServiceProvider services) =>
        services.GetRequiredService<SuretyHealth>().Started
        && services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.IsCancellationRequested;

    private static IEnumerable<string> Details(IServiceProvider services, StoreStatus store, SuretyHealth health)
    {
        yield return $"Store: {store.Detail}";
        if (health.IsStandby)
            yield return "Standby: another process works on this store; this one enqueues, and takes over when the other ends.";
        foreach (var reason in health.Degraded) yield return reason;
        if (services.GetService<Admission>() is { IsShedding: true } admission)
            yield return $"Overloaded: requests are refused; {admission.AtWork} are at work, of {admission.Limit}.";
    }

    private static async Task<StoreStatus> CheckAsync(IStore store, TimeProvider time, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(StorePatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        try
        {
            return await store.CheckAsync(either.Token).AsTask().WaitAsync(either.Token);
        }
        catch (OperationCanceledException)
        {
            return new StoreStatus(false, $"did not answer within {StorePatience.TotalSeconds} s");
        }
    }
}
