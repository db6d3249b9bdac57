using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Limits;

namespace Surety;

/// <summary>What limits hold for an endpoint.</summary>
public static class LimitExtensions
{
    /// <summary>
    /// Counts requests to the endpoints against a quota of <see cref="EdgeOptions.Quotas"/> that does not hold everywhere.
    /// </summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    /// <param name="name">The quota's name.</param>
    /// <exception cref="InvalidOperationException">When the host starts: there is no quota of that name.</exception>
    public static TBuilder WithQuota<TBuilder>(this TBuilder endpoints, string name) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrEmpty(name);
        endpoints.Add(endpoint =>
        {
            if (endpoint.ApplicationServices.GetRequiredService<IOptions<EdgeOptions>>().Value.Quotas.ContainsKey(name))
                endpoint.Metadata.Add(new QuotaMetadata(name));
            else throw new InvalidOperationException(
                $"{endpoint.DisplayName} is marked WithQuota(\"{name}\"), but EdgeOptions.Quotas has no quota of that name. Add one.");
        });
        return endpoints;
    }

    /// <summary>Says who gives way first when the host is overloaded. Default <see cref="RequestPriority.Normal"/>.</summary>
    public static TBuilder WithPriority<TBuilder>(this TBuilder endpoints, RequestPriority priority)
        where TBuilder : IEndpointConventionBuilder => endpoints.Mark(new PriorityMetadata(priority));

    /// <summary>
    /// Lets at most so many requests work at once, to the endpoint or to all of the group together; the next one gets 503 <c>overloaded</c>
    /// before anything is done.
    /// </summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    /// <param name="most">1 or more.</param>
    public static TBuilder LimitConcurrency<TBuilder>(this TBuilder endpoints, int most) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        return endpoints.Mark(new ConcurrencyMetadata(most));
    }

    /// <summary>
    /// For endpoints that wait or stream: they have no time limit, and take no place of the requests at work once they are let in. Bound
    /// them otherwise, as by <see cref="LimitConcurrency"/>.
    /// </summary>
    public static TBuilder LongRunning<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder =>
        endpoints.Mark(new LongRunningMetadata());

    /// <summary>Counts requests to the endpoints against no quota at all.</summary>
    public static TBuilder WithoutQuotas<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder =>
        endpoints.Mark(new NoQuotaMetadata());

    private static TBuilder Mark<TBuilder>(this TBuilder endpoints, object mark) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.Add(endpoint => endpoint.Metadata.Add(mark));
        return endpoints;
    }
}
