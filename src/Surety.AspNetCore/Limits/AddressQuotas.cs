using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Limits;

/// <summary>The quotas that count addresses: they need not know who the caller is.</summary>
internal sealed class AddressQuotas(Quotas quotas) : ILimit
{
    public Admit? At(RouteEndpoint endpoint)
    {
        Quota[] here = [.. quotas.Of(endpoint.Metadata).Where(q => q.Options.By == QuotaBy.Address)];
        if (here.Length == 0) return null;
        return async http => await quotas.TakeAsync(here, http) is { } refusal ? RefusedEndpoint.With(http, refusal) : null;
    }
}
