using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Problems;
using Surety.Storage;

namespace Surety.AspNetCore.Limits;

/// <summary>The host's quotas: which hold for an endpoint, and what a request that spends from them is told.</summary>
internal sealed class Quotas : IDisposable
{
    private readonly Dictionary<string, Quota> all;
    private readonly EdgeMetrics metrics;

    public Quotas(IOptions<EdgeOptions> edge, IQuotaStore store, EdgeMetrics metrics, TimeProvider time, ILogger<Quotas> logger)
    {
        this.metrics = metrics;
        all = edge.Value.Quotas.ToDictionary(
            q => q.Key, q => new Quota(q.Key, q.Value, edge.Value.MaxQuotaCallers, store, time, logger), StringComparer.Ordinal);
    }

    public Quota this[string name] => all[name];

    /// <summary>Those that hold for an endpoint.</summary>
    public IEnumerable<Quota> Of(EndpointMetadataCollection metadata)
    {
        if (metadata.GetMetadata<NoQuotaMetadata>() is not null || metadata.GetMetadata<ProbeMetadata>() is not null) return [];
        var named = metadata.GetOrderedMetadata<QuotaMetadata>().Select(q => q.Name).ToHashSet(StringComparer.Ordinal);
        return all.Values.Where(q => q.Options.Everywhere || named.Contains(q.Name));
    }

    /// <summary>Spends one permit of each. The first that has none refuses the request; null when all had one.</summary>
    public async ValueTask<ProblemDetails?> TakeAsync(IReadOnlyList<Quota> quotas, HttpContext http)
    {
        foreach (var quota in quotas)
        {
            var lease = await quota.TakeAsync(http);
            var headers = http.Response.Headers;
            if (lease.StoreIsAway)
            {
                headers.RetryAfter = Seconds(lease.Reset);
                metrics.Refused(quota.Name);
                return Refusal(503, ProblemCodes.DependencyUnavailable, "The request could not be counted against its quota. Try again.");
            }

            headers.Append("RateLimit-Policy", quota.Policy);
            headers.Append(
                "RateLimit", string.Create(CultureInfo.InvariantCulture, $"\"{quota.Name}\";r={lease.Remaining};t={Seconds(lease.Reset)}"));
            if (lease.IsAcquired) continue;
            headers.RetryAfter = Seconds(lease.Reset);
            metrics.Refused(quota.Name);
            return Refusal(429, ProblemCodes.QuotaExceeded, Detail(quota, lease));
        }

        return null;
    }

    public void Dispose()
    {
        foreach (var quota in all.Values) quota.Dispose();
    }

    private static string Detail(Quota quota, QuotaLease lease)
    {
        var whom = quota.Options.By switch { QuotaBy.ApiKey => "an API key", QuotaBy.Address => "an address", _ => "a caller" };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The quota \"{quota.Name}\" is {quota.Options.Permits} requests in {quota.Options.Window.TotalSeconds} s for {whom}. Wait "
                + $"{Seconds(lease.Reset)} s.");
    }

    /// <summary>A problem that certainly did nothing.</summary>
    public static ProblemDetails Refusal(int status, string code, string detail)
    {
        var problem = ProblemCodes.Create(status, code, detail);
        problem.Extensions["outcome"] = "none";
        return problem;
    }

    // Rounded up: a client that comes back then must not be too early.
    private static string Seconds(TimeSpan time) =>
        Math.Max(1, (long)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}

/// <summary>A quota that holds for an endpoint though not everywhere.</summary>
internal sealed record QuotaMetadata(string Name);
