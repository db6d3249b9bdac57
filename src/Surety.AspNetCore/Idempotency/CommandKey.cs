using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Idempotency;

/// <summary>What a command with an idempotency key is found by, and told from others by.</summary>
/// <param name="Digest">Who uses which key where.</param>
/// <param name="Fingerprint">What is asked.</param>
internal sealed record CommandKey(byte[] Digest, byte[] Fingerprint)
{
    public static CommandKey Of(HttpContext http, string given, MemoryStream body)
    {
        var request = http.Request;
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? request.Path.Value!;
        var target = request.PathBase.Add(request.Path).ToUriComponent() + request.QueryString.ToUriComponent();
        return new CommandKey(
            Security.Digest.OfKey(http.User.Named(), request.Method, route, given),
            Security.Digest.OfRequest(request.Method, target, request.ContentType, body.GetBuffer().AsSpan(0, (int)body.Length)));
    }
}
