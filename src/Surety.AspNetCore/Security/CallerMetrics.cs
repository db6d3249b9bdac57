using System.Diagnostics.Metrics;

namespace Surety.AspNetCore.Security;

/// <summary>Counts who was not let in. A line of log for each would let anybody fill the disk.</summary>
internal sealed class CallerMetrics(IMeterFactory meters)
{
    private readonly Counter<long> refused = meters.Create("Surety").CreateCounter<long>(
        "surety.http.unauthenticated", "{request}", "Requests refused with 401, because they carried no credential or a wrong one.");

    public void Refused(bool offered) => refused.Add(1, new KeyValuePair<string, object?>("surety.credential", offered ? "wrong" : "none"));
}
