using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Claim = System.Security.Claims.Claim;

namespace Surety.AspNetCore.Security;

/// <summary><c>Authorization: Bearer sk_…</c>. Bearer tokens of another form are left to the host's other schemes.</summary>
internal sealed class ApiKeyHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> schemeOptions, UrlEncoder encoder, ApiKeyCache keys, ApiKeyUses uses,
    IOptions<EdgeOptions> edge, CallerMetrics metrics)
    // Without a log: the base class writes lines at Information for each request that it refuses. CallerMetrics counts them.
    : AuthenticationHandler<AuthenticationSchemeOptions>(schemeOptions, NullLoggerFactory.Instance, encoder)
{
    public const string SchemeName = "ApiKey";
    private const string Bearer = "Bearer ";
    private static readonly byte[] NoDigest = new byte[SHA256.HashSizeInBytes];

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count == 0) return AuthenticateResult.NoResult();
        if (header.Count > 1) return AuthenticateResult.Fail("More than one Authorization header.");
        var text = header.ToString();
        if (!text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.NoResult();
        var key = text[Bearer.Length..].Trim();

        if (edge.Value.DevelopmentKey is { } development
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(development)))
            return Ticket("dev", [Principals.Operator], "dev");
        if (!key.StartsWith(ApiKeyText.Start, StringComparison.Ordinal)) return AuthenticateResult.NoResult();

        // A caller that needs no credential is not turned away because the store cannot look its credential up: the health page, above all,
        // has to answer then.
        var anonymous = Context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null;
        // One answer for all that can be wrong: somebody who guesses must not learn which it was.
        var record = ApiKeyText.TryReadPrefix(key, out var prefix)
            ? await keys.FindAsync(prefix, evenIfOld: anonymous, Context.RequestAborted) : null;
        var matches = ApiKeyText.Matches(key, record is null ? NoDigest : record.Digest.Span);
        if (!matches || record is null) return AuthenticateResult.Fail("The API key is not valid.");
        uses.Note(record.Prefix);
        return Ticket(record.Principal, record.Scopes, record.Prefix);
    }

    /// <summary>Whether the request carries something that can only be an API key.</summary>
    public static bool IsFor(HttpRequest request) =>
        request.Headers.Authorization is [{ } text] && text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            && text.AsSpan(Bearer.Length).TrimStart().StartsWith(ApiKeyText.Start, StringComparison.Ordinal);

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var offered = Request.Headers.Authorization.Count > 0;
        metrics.Refused(offered);
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.Append("WWW-Authenticate", offered
            ? "Bearer realm=\"surety\", error=\"invalid_token\"" : "Bearer realm=\"surety\"");
        return Task.CompletedTask;
    }

    private static AuthenticateResult Ticket(string principal, IReadOnlyList<string> scopes, string prefix)
    {
        var identity = new ClaimsIdentity(SchemeName);
        Add(ClaimTypes.NameIdentifier, principal);
        Add(ClaimTypes.Name, principal);
        Add(Principals.ApiKey, prefix);
        foreach (var scope in scopes) Add(Principals.Scope, scope);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));

        // Without its subject, each would be copied.
        void Add(string type, string value) =>
            identity.AddClaim(
                new Claim(type, value, ClaimValueTypes.String, ClaimsIdentity.DefaultIssuer, ClaimsIdentity.DefaultIssuer, identity));
    }
}
