using System.Diagnostics.Metrics;

namespace Surety.AspNetCore;

/// <summary>What the edge counts, on the meter <c>Surety</c>.</summary>
internal static class EdgeMetrics
{
    private static readonly Meter Meter = new("Surety");
    private static readonly Counter<long> QuotaRefusals = Meter.CreateCounter<long>("surety.quota.refused", "{request}", "Requests refused because a quota was used up.");

    public static void Refused(string quota) => QuotaRefusals.Add(1, new KeyValuePair<string, object?>("surety.quota", quota));
}
