using System.Diagnostics.Metrics;

namespace Surety.AspNetCore.Limits;

/// <summary>What the edge counts, on the meter <c>Surety</c>.</summary>
internal static class EdgeMetrics
{
    private static readonly Meter Meter = new("Surety");
    private static readonly Counter<long> QuotaRefusals = Meter.CreateCounter<long>(
        "surety.quota.refused", "{request}", "Requests refused because a quota was used up.");

    private static readonly Counter<long> SheddedRequests = Meter.CreateCounter<long>(
        "surety.http.shed", "{request}", "Requests refused because the host, or their route, had too much to do.");

    public static void Observe(Admission admission)
    {
        Meter.CreateObservableGauge(
            "surety.http.concurrency.limit", () => admission.Limit, "{request}", "How many requests may be at work at once.");
        Meter.CreateObservableGauge("surety.http.at_work", () => admission.AtWork, "{request}", "How many requests are at work.");
    }

    public static void ObserveStreams(Func<int> open) =>
        Meter.CreateObservableGauge("surety.http.streams", open, "{stream}", "How many event streams of jobs are open.");

    public static void Shed(string why) => SheddedRequests.Add(1, new KeyValuePair<string, object?>("surety.reason", why));

    public static void Refused(string quota) => QuotaRefusals.Add(1, new KeyValuePair<string, object?>("surety.quota", quota));
}
