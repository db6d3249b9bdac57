using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Tests;

/// <summary>Nobody has to remember to close an endpoint.</summary>
public sealed class ClosedByDefaultTests : IAsyncLifetime
{
    private static readonly string[] Open = [
        "GET /livez", "HEAD /livez", "GET /readyz", "HEAD /readyz", "GET /startupz", "HEAD /startupz", "OPTIONS /files", "OPTIONS /files/1",
        "OPTIONS /others", "OPTIONS /others/1"];

    private FileApp files = null!;

    public async ValueTask InitializeAsync() => files = await FileApp.StartAsync(map: app =>
    {
        Orders.Map(app);
        new Deposits().Map(app);
        app.MapGet("/scoped", () => "scoped").RequireScope("reports", "money");
        var group = app.MapGroup("/team").RequireScope("team");
        group.MapPost("/orders", () => "ordered").RequireScope("orders");
        group.MapGet("/members", () => "members");
    });

    public async ValueTask DisposeAsync() => await files.DisposeAsync();

    [Fact]
    public async Task Without_a_good_credential_every_endpoint_is_closed_that_does_not_say_otherwise()
    {
        var all = Requests().ToList();
        all.Count.ShouldBeGreaterThan(25);
        foreach (var credential in new[] { null, "Bearer", "Bearer sk_wrong", $"Bearer sk_{new string('0', 12)}_{new string('0', 64)}",
            "Basic YWxpY2U6c2VjcmV0", "Bearer dev" })
        {
            var open = new List<string>();
            foreach (var (method, path) in all)
            {
                var answer = await files.App.Client()
                    .SendAsync(new HttpMethod(method), path, null, credential is null ? [] : [("Authorization", credential)]);
                if (answer.Status == 401)
                {
                    answer["WWW-Authenticate"].ShouldNotBeNull();
                    continue;
                }

                open.Add($"{method} {path}");
            }

            open.Order().ShouldBe(Open.Order(), $"with {credential ?? "nothing"}");
        }
    }

    [Fact]
    public async Task With_the_wrong_scope_an_endpoint_is_closed_and_says_so()
    {
        var (app, none) = (files.App, await files.App.ClientAsync("nobody"));
        foreach (var path in new[] { "/scoped", "/team/members", "/secret" })
            (await none.FetchAsync(path)).ShouldBeProblem(403, "forbidden");
        (await none.SendAsync(HttpMethod.Post, "/team/orders")).ShouldBeProblem(403, "forbidden");

        (await (await app.ClientAsync("a", "money")).FetchAsync("/scoped")).ShouldBe(200);
        (await (await app.ClientAsync("b", "operator", "report", "Reports")).FetchAsync("/scoped")).ShouldBeProblem(403, "forbidden");
        // The group's scope and the endpoint's own.
        (await (await app.ClientAsync("c", "orders")).SendAsync(HttpMethod.Post, "/team/orders")).ShouldBeProblem(403, "forbidden");
        (await (await app.ClientAsync("d", "team")).SendAsync(HttpMethod.Post, "/team/orders")).ShouldBeProblem(403, "forbidden");
        (await (await app.ClientAsync("e", "team", "orders")).SendAsync(HttpMethod.Post, "/team/orders")).ShouldBe(200);
        (await (await app.ClientAsync("f", "team")).FetchAsync("/team/members")).ShouldBe(200);
    }

    [Fact]
    public void A_scope_has_to_be_named()
    {
        var app = WebApplication.CreateBuilder().Build();
        Should.Throw<ArgumentException>(() => app.MapGet("/", () => "").RequireScope());
        Should.Throw<ArgumentException>(() => app.MapGet("/", () => "").RequireScope("a", " "));
    }

    /// <summary>A request to each endpoint the host has, found as the host finds them.</summary>
    private IEnumerable<(string Method, string Path)> Requests() =>
        from endpoint in files.App.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        let segments = endpoint.RoutePattern.PathSegments.Select(
            s => s.Parts[0] is Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart { Name: "status" } ? "418" : s.IsSimple
                && s.Parts[0].IsLiteral ? ((Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart)s.Parts[0]).Content : "1")
        select (method, "/" + string.Join('/', segments));
}
