using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Idempotency;

/// <summary>What a command with an idempotency key is found by, and told from others by.</summary>
/// <param name="Digest">Who uses which key where.</param>
/// <param name="Fingerprint">What is asked.</param>
internal sealed record CommandKey(byte[] Digest, Fingerprint Fingerprint)
{
    public static async Task<CommandKey> OfAsync(HttpContext http, string? tenant, string caller, string given, MemoryStream body)
    {
        var request = http.Request;
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? request.Path.Value!;
        return new CommandKey(
            Security.Digest.OfKey(tenant, caller, request.Method, route, given),
            await Fingerprint.OfAsync(request, body));
    }
}
