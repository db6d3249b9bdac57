using System.Security.Claims;

namespace Surety;

/// <summary>Who a request acts for.</summary>
public static class Principals
{
    internal const string Scope = "scope";
    internal const string ApiKey = "api_key";
    internal const string Operator = "operator";

    /// <summary>
    /// The caller's stable name: the name identifier (<c>sub</c>) whatever the authentication scheme, else the name; empty for an anonymous caller. Idempotency keys and jobs belong to it.
    /// </summary>
    public static string Principal(this ClaimsPrincipal user)
    {
        ArgumentNullException.ThrowIfNull(user);
        if (user.Identity?.IsAuthenticated != true) return "";
        return user.FindFirst(ClaimTypes.NameIdentifier)?.Value ?? user.FindFirst("sub")?.Value ?? user.Identity.Name ?? "";
    }

    internal static bool IsOperator(this ClaimsPrincipal user) => user.HasClaim(Scope, Operator);
}
