using System.Diagnostics.Metrics;
using Surety.Telemetry;

namespace Surety.AspNetCore.Limits;

/// <summary>What the edge of one host counts, on the host's own meter <c>Surety</c>, which ends with the host.</summary>
internal sealed class EdgeMetrics
{
    private readonly Meter meter;
    private readonly Counter<long> quotaRefusals;
    private readonly Counter<long> sheddedRequests;

    public EdgeMetrics(IMeterFactory meters)
    {
        meter = meters.Create(SuretyTelemetry.Name);
        quotaRefusals = meter.CreateCounter<long>("surety.quota.refused", "{request}", "Requests refused because a quota was used up.");
        sheddedRequests = meter.CreateCounter<long>(
            "surety.http.shed", "{request}", "Requests refused because the host, or their route, had too much to do.");
    }

    public void Observe(Admission admission)
    {
        meter.CreateObservableGauge(
            "surety.http.concurrency.limit", () => admission.Limit, "{request}", "How many requests may be at work at once.");
        meter.CreateObservableGauge("surety.http.at_work", () => admission.AtWork, "{request}", "How many requests are at work.");
    }

    public void ObserveStreams(Func<int> open) =>
        meter.CreateObservableGauge("surety.http.streams", open, "{stream}", "How many event streams of jobs are open.");

    public void Shed(string why) => sheddedRequests.Add(1, new KeyValuePair<string, object?>("surety.reason", why));

    public void Refused(string quota) => quotaRefusals.Add(1, new KeyValuePair<string, object?>("surety.quota", quota));
}
