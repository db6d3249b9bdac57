using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Security;

/// <summary>
/// Whether a request carries an operator's API key, as far as is known without asking the store. It lets an operator past a crowd at the
/// door; who he is, authentication still finds out.
/// </summary>
internal sealed class OperatorsKey(ApiKeyCache keys, IOptions<EdgeOptions> edge)
{
    private const string Bearer = "Bearer ";

    public bool IsIn(HttpRequest request)
    {
        var text = request.Headers.Authorization.ToString();
        if (!text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return false;
        var key = text[Bearer.Length..].Trim();
        if (edge.Value.DevelopmentKey is { } development
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(development))) return true;
        return ApiKeyText.TryReadPrefix(key, out var prefix) && keys.Known(prefix) is { } record
            && record.Scopes.Contains(Principals.Operator)
            && ApiKeyText.Matches(key, record.Digest.Span);
    }
}
