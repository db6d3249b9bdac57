using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;

namespace Surety;

/// <summary>Says what a caller needs to be allowed.</summary>
public static class ScopeExtensions
{
    /// <summary>
    /// Lets in only callers with one of these scopes; others get 403 <c>forbidden</c>, and anonymous ones 401. A mark on a group and one on
    /// its endpoint both have to be met. Operators are callers like others here: name <c>operator</c> as well if they are to be let in.
    /// </summary>
    /// <exception cref="ArgumentException">No scope is named, or an empty one.</exception>
    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoints, params string[] scopes)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(scopes);
        if (scopes.Length == 0 || scopes.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("Name at least one scope, and no empty one.", nameof(scopes));
        return endpoints.RequireAuthorization(
            new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireAssertion(context => scopes.Any(context.User.HasScope))
                .Build());
    }
}
