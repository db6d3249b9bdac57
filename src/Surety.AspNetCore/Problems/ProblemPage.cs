using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Problems;

/// <summary>The page behind the problems' types: docs/problems.md, and what the host says of its own codes.</summary>
internal static partial class ProblemPage
{
    private const string OtherStatuses = "http-status";

    /// <summary>What is said of each of Surety's own codes.</summary>
    public static FrozenDictionary<string, string> Own { get; } = Read();

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var services = endpoints.ServiceProvider;
        var edge = services.GetRequiredService<IOptions<EdgeOptions>>().Value;
        if (!(edge.ServeProblems ?? services.GetRequiredService<IHostEnvironment>().IsDevelopment())) return;
        var html = Encoding.UTF8.GetBytes(Html(edge));
        endpoints.MapGet(PathOf(edge), (RequestDelegate)(http =>
        {
            http.Response.ContentType = "text/html; charset=utf-8";
            http.Response.ContentLength = html.Length;
            http.Response.Headers.CacheControl = "public, max-age=3600";
            http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            return http.Response.Body.WriteAsync(html).AsTask();
        })).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>The address every type names, if this host is the one it names.</summary>
    private static string PathOf(EdgeOptions edge) =>
        edge.ProblemBase.AbsolutePath is { Length: > 1 } path ? path.TrimEnd('/') : "/problems";

    private static string Html(EdgeOptions edge)
    {
        var page = new StringBuilder("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Problems</title>")
            .Append("<style>body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 "
                + "system-ui,sans-serif}:target{background:#fd6}</style></head><body><h1>Problems</h1>");
        foreach (var (code, text) in edge.ProblemTexts.Concat(Own.Where(own => !edge.ProblemTexts.ContainsKey(own.Key)))
            .OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"<h2 id=\"{code}\">{code}</h2>");
            if (code == OtherStatuses)
            {
                foreach (var other in Enumerable.Range(400, 200).Select(ProblemCodes.CodeOf)
                    .Where(c => c.StartsWith("http-", StringComparison.Ordinal))) page.Append(
                        CultureInfo.InvariantCulture, $"<span id=\"{other}\"></span>");
            }

            foreach (var paragraph in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                page.Append("<p>").Append(Quoted().Replace(WebUtility.HtmlEncode(paragraph), "<code>${quoted}</code>")).Append("</p>");
        }

        return page.Append("</body></html>").ToString();
    }

    private static FrozenDictionary<string, string> Read()
    {
        using var stream = typeof(ProblemPage).Assembly.GetManifestResourceStream("problems.md")
            ?? throw new InvalidOperationException("The assembly has no resource problems.md.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n").Split("\n## ").Skip(1).Select(section => section.Split('\n', 2))
            .ToFrozenDictionary(section => section[0], section => section[1].Trim(), StringComparer.Ordinal);
    }

    [GeneratedRegex("`(?<quoted>[^`]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quoted();
}
