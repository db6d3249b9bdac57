using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Claim = System.Security.Claims.Claim;

namespace Surety.AspNetCore.Tests;

/// <summary>OpenID Connect allows a subject of 255 characters.</summary>
public sealed class LongNameTests
{
    private static readonly (string, string)[] Tus = [("Tus-Resumable", "1.0.0"), ("Upload-Length", "3")];
    private readonly Deposits deposits = new();

    [Theory]
    [InlineData(201, false)]
    [InlineData(255, false)]
    [InlineData(201, true)]
    [InlineData(255, true)]
    public async Task A_name_as_long_as_openid_connect_allows_works_everywhere(int length, bool postgres)
    {
        await using var place = postgres ? await PostgresEdge.OpenAsync() : null;
        await using var files = await StartAsync(place);
        var caller = files.App.Client();
        (string, string) named = ("X-Name", new string('e', length)), key = ("Idempotency-Key", "one");
        (await caller.PostAsync("/deposits", """{"account":"savings","amount":10}""", named, key)).ShouldBe(201);
        var job = (await caller.PostAsync("/counted", "", named, key)).ShouldBe(202);
        (await caller.FetchAsync(job["Location"]!, named)).ShouldBe(200);
        (await caller.FetchAsync("/jobs", named)).ShouldBe(200).Json.GetProperty("items").GetArrayLength().ShouldBe(1);
        (await caller.SendAsync(HttpMethod.Delete, job["Location"]!, null, named)).ShouldBe(204);
        var upload = (await caller.SendAsync(HttpMethod.Post, "/files", null, [named, .. Tus])).ShouldBe(201)["Location"]!;
        var done = await caller.SendAsync(
            HttpMethod.Patch, upload, FileApp.Chunk([1, 2, 3]), default, named, ("Tus-Resumable", "1.0.0"), ("Upload-Offset", "0"));
        done.ShouldBe(204)["Location"].ShouldNotBeNull();
        var keyed = await files.App.ClientAsync(new string('e', length));
        (await keyed.FetchAsync(job["Location"]!)).ShouldBe(200);
    }

    [Fact]
    public async Task A_longer_name_is_refused_before_anything_begins()
    {
        await using var files = await StartAsync(null);
        var caller = files.App.Client();
        (string, string) named = ("X-Name", new string('n', 256)), key = ("Idempotency-Key", "one");
        const string Body = """{"account":"savings","amount":10}""";
        (await caller.PostAsync("/deposits", Body, named, key)).ShouldBeProblem(403, "forbidden").Member("detail").ShouldNotBeNull()
            .ShouldContain("255");
        (await caller.PostAsync("/optional", Body, named)).ShouldBeProblem(403, "forbidden");
        (await caller.PostAsync("/counted", "", named, key)).ShouldBeProblem(403, "forbidden");
        (await caller.SendAsync(HttpMethod.Post, "/files", null, [named, .. Tus])).ShouldBeProblem(403, "forbidden");
        await Should.ThrowAsync<ArgumentException>(() => files.App.ClientAsync(new string('n', 256)));
        deposits.Runs.ShouldBe(0);
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload")).ShouldBe(0);
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(0);
        files.App.Log.Lines.ShouldNotContain(l => l.Contains("failed", StringComparison.Ordinal));
    }

    private Task<FileApp> StartAsync(EdgePlace? place) => FileApp.StartAsync(
        map: app =>
        {
            deposits.Map(app);
            app.MapPost("/counted", (Surety.Jobs jobs, CancellationToken cancel) =>
                jobs.AcceptAsync(new Waits(), cancellationToken: cancel))
                .AcceptIdempotencyKey();
        },
        configure: b => b.Services.AddAuthentication("Name").AddScheme<AuthenticationSchemeOptions, NameHandler>("Name", null),
        place: place);

    [Message("long-name.waits")]
    internal sealed record Waits;

    /// <summary>Believes whatever name it is told.</summary>
    private sealed class NameHandler(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, System.Text.Encodings.Web.UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
            Request.Headers["X-Name"] is [{ } name]
                ? AuthenticateResult.Success(new AuthenticationTicket(
                    new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", name)], "Name")), "Name"))
                : AuthenticateResult.NoResult());
    }
}
