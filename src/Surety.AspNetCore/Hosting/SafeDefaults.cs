using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Problems;
using IPNetwork = System.Net.IPNetwork;

namespace Surety.AspNetCore.Hosting;

/// <summary>
/// What every answer carries and every request passes, whatever the host maps: addresses from trusted proxies only, HTTPS where it is asked
/// for, headers that keep browsers from guessing.
/// </summary>
internal sealed class SafeDefaults(IOptions<EdgeOptions> options) : IStartupFilter
{
    private const string Nothing = "default-src 'none'; frame-ancestors 'none'";
    private const string Exposed =
        "Location, Content-Location, Link, ETag, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, Preference-Applied";
    private static readonly PathString[] Probes = ["/livez", "/readyz", "/startupz"];

    private readonly EdgeOptions edge = options.Value;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        // First of all: everything behind it asks for the caller's address and scheme.
        if (edge.TrustedProxies.Count > 0) app.UseForwardedHeaders(Forwarding(edge.TrustedProxies));
        app.Use(ApplyAsync);
        next(app);
    };

    public static bool TryParse(string proxy, out IPNetwork network)
    {
        if (IPNetwork.TryParse(proxy, out network)) return true;
        if (!IPAddress.TryParse(proxy, out var address)) return false;
        network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
        return true;
    }

    private static ForwardedHeadersOptions Forwarding(IEnumerable<string> proxies)
    {
        // As many hops as are trusted; the framework's own trust in loopback is not taken over.
        var forwarding = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = null,
        };
        forwarding.KnownProxies.Clear();
        forwarding.KnownIPNetworks.Clear();
        foreach (var proxy in proxies)
        {
            if (TryParse(proxy, out var network)) forwarding.KnownIPNetworks.Add(network);
        }

        return forwarding;
    }

    private Task ApplyAsync(HttpContext http, RequestDelegate next)
    {
        SlowClients.Note(http);
        http.Response.OnStarting(Add, http);
        // Probes come from the machine itself, mostly in plain.
        if (!edge.RequireHttps || http.Request.IsHttps || Probes.Contains(http.Request.Path)) return next(http);
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
        {
            // Not redirected: the body and the credential have been sent in plain already, and their sender should learn of it.
            return HttpProblem.Of(
                403, ProblemCodes.HttpsRequired,
                "Send requests to https:// only. This one, with its credential, was sent in plain.").ExecuteAsync(http);
        }

        http.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
        var port = edge.HttpsPort == 443 ? "" : $":{edge.HttpsPort}";
        var path = http.Request.PathBase.Add(http.Request.Path).ToUriComponent();
        http.Response.Headers.Location = $"https://{http.Request.Host.Host}{port}{path}{http.Request.QueryString.ToUriComponent()}";
        return Task.CompletedTask;
    }

    private Task Add(object state)
    {
        var http = (HttpContext)state;
        var headers = http.Response.Headers;
        headers.TryAdd("X-Content-Type-Options", "nosniff");
        headers.TryAdd("X-Frame-Options", "DENY");
        headers.TryAdd("Referrer-Policy", "no-referrer");
        headers.TryAdd("Cross-Origin-Resource-Policy", "same-origin");
        // A page of the host's own needs a policy of the host's own.
        headers.TryAdd(
            "Content-Security-Policy", http.Response.ContentType?.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) == true
                ? "frame-ancestors 'none'" : Nothing);
        // The host's CORS policy has let the origin in (its header is set before this runs): then its scripts may read what the answers
        // mean.
        if (headers.ContainsKey("Access-Control-Allow-Origin")) headers.Append("Access-Control-Expose-Headers", Exposed);
        if (edge.RequireHttps && http.Request.IsHttps) headers.TryAdd("Strict-Transport-Security", "max-age=31536000");
        return Task.CompletedTask;
    }
}
