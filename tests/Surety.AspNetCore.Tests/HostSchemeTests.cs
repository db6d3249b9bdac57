using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Claim = System.Security.Claims.Claim;

namespace Surety.AspNetCore.Tests;

/// <summary>The host's own ways to know a caller: a session in a cookie, and bearer Tokens. API keys work beside either.</summary>
public sealed class HostSchemeTests : IAsyncLifetime
{
    private EdgeApp cookies = null!;
    private FileApp files = null!;

    private EdgeApp Tokens => files.App;

    public async ValueTask InitializeAsync()
    {
        cookies = await EdgeApp.StartAsync(
            Map, configure: b => b.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie());
        files = await FileApp.StartAsync(map: Map, configure: b =>
            b.Services.AddAuthentication("Token").AddScheme<AuthenticationSchemeOptions, TokenHandler>("Token", null));
    }

    public async ValueTask DisposeAsync()
    {
        await cookies.DisposeAsync();
        await files.DisposeAsync();
    }

    [Fact]
    public async Task A_session_in_a_cookie_is_honoured_and_its_owner_is_the_principal()
    {
        var session = await SignInAsync("carol");
        var nobody = cookies.Client();
        (await nobody.FetchAsync("/me", ("Cookie", session))).ShouldBe(200).Text.ShouldBe("carol");
        (await nobody.FetchAsync("/reports", ("Cookie", session))).ShouldBe(200);
        (await nobody.FetchAsync("/payments", ("Cookie", session))).ShouldBeProblem(403, "forbidden");
        (await nobody.FetchAsync("/me", ("Cookie", session[..^3] + "xxx"))).ShouldBeProblem(401, "unauthenticated");
        (await nobody.FetchAsync("/me")).ShouldBeProblem(401, "unauthenticated");
        (await nobody.SendAsync(HttpMethod.Post, "/nowhere")).ShouldBeProblem(401, "unauthenticated");
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = cookies.Address };
        (await browser.FetchAsync("/me", ("Accept", "text/html,*/*;q=0.8"))).ShouldBe(302)["Location"].ShouldNotBeNull()
            .ShouldContain("/Account/Login");

        (await cookies.Alice.FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("alice");
        // Whoever sends a key means it: a session beside it changes nothing.
        (await cookies.Alice.FetchAsync("/me", ("Cookie", session))).ShouldBe(200).Text.ShouldBe("alice");
        var wrong = (await nobody.FetchAsync("/me", ("Authorization", "Bearer sk_wrong"), ("Cookie", session)))
            .ShouldBeProblem(401, "unauthenticated");
        wrong["WWW-Authenticate"].ShouldBe("Bearer realm=\"surety\", error=\"invalid_token\"");
    }

    [Fact]
    public async Task A_bearer_token_of_the_hosts_is_honoured_with_its_scopes()
    {
        var nobody = Tokens.Client();
        (await nobody.FetchAsync("/me", Token("carol", "reports payments"))).ShouldBe(200).Text.ShouldBe("carol");
        (await nobody.FetchAsync("/payments", Token("carol", "reports payments"))).ShouldBe(200);
        (await nobody.FetchAsync("/payments", Token("carol", "reports"))).ShouldBeProblem(403, "forbidden");
        (await nobody.FetchAsync("/payments", Token("carol", "paymentsandmore"))).ShouldBeProblem(403, "forbidden");
        (await nobody.FetchAsync("/operators", Token("carol", "reports operator"))).ShouldBe(200);
        (await nobody.FetchAsync("/operators", Token("carol", ""))).ShouldBeProblem(403, "forbidden");
        (await nobody.FetchAsync("/me", ("Authorization", "Bearer nonsense")))
            .ShouldBeProblem(401, "unauthenticated")["WWW-Authenticate"].ShouldBe("Token");
        (await Tokens.Alice.FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("alice");
        (await Tokens.Alice.FetchAsync("/payments")).ShouldBeProblem(403, "forbidden");
        (await (await Tokens.ClientAsync("paul", "payments")).FetchAsync("/payments")).ShouldBe(200);
    }

    [Fact]
    public async Task Nobody_sees_the_jobs_and_answers_of_another_principal_whatever_scheme_they_came_by()
    {
        var (carol, dave) = (Token("carol", ""), Token("dave", ""));
        var nobody = Tokens.Client();
        var job = (await nobody.PostAsync("/counted", "", carol, ("Idempotency-Key", "one"))).ShouldBe(202);
        var path = job["Location"]!;
        (await nobody.FetchAsync(path, carol)).ShouldBe(200);
        foreach (var other in new[] { dave, Token("", "") })
        {
            (await nobody.FetchAsync(path, other)).ShouldBeProblem(404, "not-found");
            (await nobody.SendAsync(HttpMethod.Delete, path, null, other)).ShouldBeProblem(404, "not-found");
            (await nobody.FetchAsync(path + "/result", other)).Status.ShouldBe(404);
        }

        (await Tokens.Alice.FetchAsync(path)).ShouldBeProblem(404, "not-found");
        (await nobody.PostAsync("/counted", "", dave, ("Idempotency-Key", "one"))).ShouldBe(202)["Location"].ShouldNotBe(path);
        (await nobody.PostAsync("/counted", "", carol, ("Idempotency-Key", "one"))).ShouldBe(202)["Location"].ShouldBe(path);
        // The same name by another scheme is the same principal.
        (await (await Tokens.ClientAsync("carol")).FetchAsync(path)).ShouldBe(200);
    }

    [Fact]
    public async Task Two_callers_without_a_name_are_not_taken_for_one()
    {
        (await Tokens.Client().PostAsync("/counted", "", Token("", ""), ("Idempotency-Key", "one"))).ShouldBeProblem(500, "internal-error");
        Tokens.Log.Lines.ShouldContain(l => l.Contains("has no name identifier", StringComparison.Ordinal));
        var length = ("Upload-Length", "1");
        (await Tokens.Client().SendAsync(HttpMethod.Post, "/files", null, [Token("", ""), ("Tus-Resumable", "1.0.0"), length]))
            .ShouldBeProblem(500, "internal-error", outcome: "unknown");
    }

    [Fact]
    public async Task Nobody_sees_the_uploads_of_another_principal_whatever_scheme_they_came_by()
    {
        (string, string) tus = ("Tus-Resumable", "1.0.0"), offset = ("Upload-Offset", "0");
        var address = (await Tokens.Client().SendAsync(HttpMethod.Post, "/files", null, [Token("carol", ""), tus, ("Upload-Length", "1")]))
            .ShouldBe(201)["Location"]!;
        foreach (var method in new[] { HttpMethod.Head, HttpMethod.Patch, HttpMethod.Delete })
        {
            using var content = method == HttpMethod.Patch ? FileApp.Chunk([1]) : null;
            (await Tokens.Client().SendAsync(method, address, content, default, [Token("dave", ""), tus, offset])).ShouldBe(404);
        }

        (await Tokens.Client().SendAsync(HttpMethod.Head, address, null, [Token("carol", ""), tus]))
            .ShouldBe(200)["Upload-Offset"].ShouldBe("0");
    }

    private static (string, string) Token(string name, string scopes) => ("Authorization", $"Bearer token:{name}:{scopes}");

    private async Task<string> SignInAsync(string name)
    {
        var answer = await cookies.Client().SendAsync(HttpMethod.Post, $"/sign-in/{name}");
        return answer.ShouldBe(200)["Set-Cookie"]!.Split(';')[0];
    }

    private static void Map(WebApplication app)
    {
        app.MapPost("/sign-in/{name}", (string name) => Results.SignIn(
            new ClaimsPrincipal(
                new ClaimsIdentity(
                    [new Claim(ClaimTypes.NameIdentifier, name), new Claim("scope", "reports")], "Session")))).AllowAnonymous();
        app.MapGet("/me", (ClaimsPrincipal user) => TypedResults.Text(user.Principal()));
        app.MapGet("/reports", () => TypedResults.Ok("reports")).RequireScope("reports");
        app.MapGet("/payments", () => TypedResults.Ok("payments")).RequireScope("payments", "money");
        app.MapGet("/operators", () => TypedResults.Ok("operators")).RequireAuthorization("operator");
        app.MapPost("/counted", (Surety.Jobs jobs, CancellationToken cancel) => jobs.AcceptAsync(new Counted(), cancellationToken: cancel))
            .RequireIdempotencyKey();
    }

    [Message("counted")]
    internal sealed record Counted;

    private sealed class TokenHandler(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, System.Text.Encodings.Web.UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            if (Request.Headers.Authorization.ToString().Split(' ', 2) is not ["Bearer", var token])
                return Task.FromResult(AuthenticateResult.NoResult());
            if (token.Split(':') is not ["token", var name, var scopes]) return Task.FromResult(AuthenticateResult.Fail("no token"));
            var claims = name.Length == 0 ? [] : new List<Claim> { new("sub", name) };
            claims.Add(new Claim("scope", scopes));
            return Task.FromResult(
                AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(claims, "Token")), "Token")));
        }

        protected override Task HandleChallengeAsync(AuthenticationProperties properties)
        {
            Response.StatusCode = 401;
            Response.Headers.WWWAuthenticate = "Token";
            return Task.CompletedTask;
        }
    }
}
