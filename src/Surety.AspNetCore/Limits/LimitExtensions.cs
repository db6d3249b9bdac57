using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Surety.AspNetCore;

namespace Surety;

/// <summary>What limits hold for an endpoint.</summary>
public static class LimitExtensions
{
    /// <summary>Counts requests to the endpoints against a quota of <see cref="EdgeOptions.Quotas"/> that does not hold everywhere.</summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    /// <param name="name">The quota's name.</param>
    /// <exception cref="InvalidOperationException">When the host starts: there is no quota of that name.</exception>
    public static TBuilder WithQuota<TBuilder>(this TBuilder endpoints, string name) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrEmpty(name);
        endpoints.Add(endpoint =>
        {
            if (endpoint.ApplicationServices.GetRequiredService<IOptions<EdgeOptions>>().Value.Quotas.ContainsKey(name)) endpoint.Metadata.Add(new QuotaMetadata(name));
            else throw new InvalidOperationException($"{endpoint.DisplayName} is marked WithQuota(\"{name}\"), but EdgeOptions.Quotas has no quota of that name. Add one.");
        });
        return endpoints;
    }

    /// <summary>Counts requests to the endpoints against no quota at all.</summary>
    public static TBuilder WithoutQuotas<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.Add(endpoint => endpoint.Metadata.Add(new NoQuotaMetadata()));
        return endpoints;
    }
}
