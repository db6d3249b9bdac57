using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.AspNetCore.Uploads;

/// <summary>
/// Asks the host's schemes and policies again, in the middle of a request: an upload takes long enough for a key to be revoked or to run
/// out. What the request was told at its beginning is kept by handlers that live in its scope, so new ones are asked.
/// </summary>
internal static class StillAllowed
{
    public static async Task<bool> CheckAsync(HttpContext http, string owner)
    {
        var endpoint = http.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<IAllowAnonymous>() is not null) return true;
        await using var scope = http.RequestServices.CreateAsyncScope();
        var services = scope.ServiceProvider;
        var policies = services.GetRequiredService<IAuthorizationPolicyProvider>();
        var policy = await AuthorizationPolicy.CombineAsync(
            policies, endpoint?.Metadata.GetOrderedMetadata<IAuthorizeData>()
                ?? [], endpoint?.Metadata.GetOrderedMetadata<AuthorizationPolicy>() ?? []) ?? await policies.GetFallbackPolicyAsync();
        if (policy is null) return true;

        var (before, user) = (http.RequestServices, http.User);
        try
        {
            // The authentication services find their handlers through the request's.
            http.RequestServices = services;
            var evaluator = services.GetRequiredService<IPolicyEvaluator>();
            var authenticated = policy.AuthenticationSchemes.Count > 0
                ? await evaluator.AuthenticateAsync(policy, http)
                : await services.GetRequiredService<IAuthenticationService>().AuthenticateAsync(http, null);
            http.User = authenticated.Principal ?? new();
            return http.User.Principal() == owner && (await evaluator.AuthorizeAsync(policy, authenticated, http, http)).Succeeded;
        }
        finally
        {
            (http.RequestServices, http.User) = (before, user);
        }
    }
}
