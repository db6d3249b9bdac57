using System.Security.Claims;
using Surety.AspNetCore.Security;

namespace Surety;

/// <summary>Who a request acts for.</summary>
public static class Principals
{
    internal const string Scope = "scope";
    internal const string ApiKey = "api_key";
    internal const string Operator = "operator";

    // The last one is what the framework's older token handlers make of "scp".
    private static readonly string[] ScopeClaims = [Scope, "scp", "http://schemas.microsoft.com/identity/claims/scope"];

    /// <summary>
    /// The caller's stable name: the name identifier (<c>sub</c>) whatever the authentication scheme, else the name; empty for an anonymous
    /// caller. Idempotency keys and jobs belong to it.
    /// </summary>
    public static string Principal(this ClaimsPrincipal user)
    {
        ArgumentNullException.ThrowIfNull(user);
        if (user.Identity?.IsAuthenticated != true) return "";
        return user.FindFirst(ClaimTypes.NameIdentifier)?.Value ?? user.FindFirst("sub")?.Value ?? user.Identity.Name ?? "";
    }

    /// <summary>As <see cref="Principal"/>, where it may become the name of an owner: asked before anything is read or begun.</summary>
    /// <exception cref="CallerNameException">It is longer than what is kept.</exception>
    /// <exception cref="InvalidOperationException">No database keeps such a text.</exception>
    internal static string Keepable(this ClaimsPrincipal user)
    {
        var principal = user.Principal();
        if (principal.Length > StoredText.LongestOwner) throw new CallerNameException(principal.Length);
        return StoredText.IsStorable(principal) ? principal : throw new InvalidOperationException(
            $"The caller's name {StoredText.Fault}. Map another claim of the credential to the name identifier.");
    }

    /// <summary>As <see cref="Keepable"/>, for what belongs to its caller: two callers without a name must not be taken for one.</summary>
    /// <exception cref="CallerNameException">The name is longer than what is kept.</exception>
    /// <exception cref="InvalidOperationException">The caller is authenticated and has no name, or one that no database keeps.</exception>
    internal static string Named(this ClaimsPrincipal user)
    {
        var principal = user.Keepable();
        if (principal.Length > 0 || user.Identity?.IsAuthenticated != true) return principal;
        throw new InvalidOperationException(
            $"The caller is authenticated (by {user.Identity.AuthenticationType}) but has no name identifier, \"sub\" or name, so all "
                + "such callers would share their idempotency keys and uploads and see each other's answers. Map one of the credential's "
                    + "claims to the name identifier.");
    }

    /// <summary>
    /// Whether the caller may do what the scope stands for: an API key that was made with it, or a token that was issued with it (in
    /// <c>scope</c> or <c>scp</c>, alone or between spaces).
    /// </summary>
    public static bool HasScope(this ClaimsPrincipal user, string scope)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentException.ThrowIfNullOrEmpty(scope);
        if (user.Identity?.IsAuthenticated != true) return false;
        foreach (var claim in user.Claims)
        {
            if (ScopeClaims.Contains(claim.Type) && Holds(claim.Value, scope)) return true;
        }

        return false;

        static bool Holds(ReadOnlySpan<char> scopes, ReadOnlySpan<char> scope)
        {
            foreach (var one in scopes.Split(' '))
            {
                if (scopes[one].SequenceEqual(scope)) return true;
            }

            return false;
        }
    }

    internal static bool IsOperator(this ClaimsPrincipal user) => user.HasScope(Operator);
}
