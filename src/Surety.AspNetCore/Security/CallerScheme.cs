using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Security;

/// <summary>
/// Lets API keys work beside a default scheme of the host's: a request that carries one is authenticated, challenged and forbidden as its
/// caller expects, and every other request as the host said. Schemes that answer with a redirect to a page (cookies, OpenID Connect) do so
/// to browsers that navigate; a program gets 401 or 403. Without a default of the host's, API keys are the default.
/// </summary>
internal sealed class CallerScheme
{
    private const string Authenticate = "Surety.Authenticate", Challenge = "Surety.Challenge", Forbid = "Surety.Forbid";
    private readonly Dictionary<string, Choice> hosts = new(StringComparer.Ordinal);

    public void AddTo(AuthenticationBuilder schemes)
    {
        foreach (var name in new[] { Authenticate, Challenge, Forbid })
            schemes.AddPolicyScheme(name, null, policy => policy.ForwardDefaultSelector = http => hosts[name].For(http.Request));
    }

    /// <summary>Once the host has made its choices. Signing in and out stay as they are.</summary>
    public void StandInFront(AuthenticationOptions schemes)
    {
        schemes.DefaultScheme ??= schemes.DefaultAuthenticateScheme ?? ApiKeyHandler.SchemeName;
        schemes.DefaultAuthenticateScheme = InFront(Authenticate, schemes.DefaultAuthenticateScheme ?? schemes.DefaultScheme, _ => false);
        schemes.DefaultForbidScheme = InFront(Forbid, schemes.DefaultForbidScheme ?? schemes.DefaultChallengeScheme
            ?? schemes.DefaultScheme, Redirects);
        schemes.DefaultChallengeScheme = InFront(Challenge, schemes.DefaultChallengeScheme ?? schemes.DefaultScheme, Redirects);

        bool Redirects(string scheme) => schemes.SchemeMap.TryGetValue(scheme, out var known) && known.HandlerType is { } handler
            && (handler.IsAssignableTo(typeof(IAuthenticationSignInHandler))
            || handler.IsAssignableTo(typeof(IAuthenticationRequestHandler)));
    }

    private string InFront(string name, string scheme, Func<string, bool> redirects)
    {
        if (scheme == ApiKeyHandler.SchemeName) return scheme;
        hosts[name] = new Choice(scheme, redirects(scheme));
        return name;
    }

    private sealed record Choice(string Scheme, bool Redirects)
    {
        public string For(HttpRequest request) =>
            ApiKeyHandler.IsFor(request) || (Redirects && !IsNavigation(request)) ? ApiKeyHandler.SchemeName : Scheme;

        private static bool IsNavigation(HttpRequest request) => HttpMethods.IsGet(request.Method)
            && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
    }
}
