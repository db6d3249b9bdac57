using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.Primitives;

namespace Surety.AspNetCore.Tests;

/// <summary>Endpoints that take a filter and never run it, as those of Razor Pages and of proxies do.</summary>
public sealed class UnfilteredEndpointTests
{
    private int runs;

    [Fact]
    public async Task A_mark_that_would_do_nothing_stops_the_host()
    {
        await using var app = EdgeApp.Build(host =>
        {
            var others = Others(host, atOnce: true);
            others.RequireIdempotencyKey();
            others.RequireIfMatch();
        });
        var fault = (await Should.ThrowAsync<InvalidOperationException>(() => app.Host.StartAsync())).Message;
        fault.ShouldContain("RequireIdempotencyKey()");
        fault.ShouldContain("POST /proxied");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_is_mapped_later_fails_before_it_does_anything(bool command)
    {
        Unfiltered? others = null;
        await using var app = await EdgeApp.StartAsync(host =>
        {
            others = Others(host, atOnce: false);
            if (command) others.RequireIdempotencyKey();
            else others.RequireIfMatch();
        });
        others!.Show();
        (await app.Alice.PostAsync("/proxied", "{}", ("Idempotency-Key", "one"), ("If-Match", "\"1\"")))
            .ShouldBeProblem(500, "internal-error", command ? "none" : "unknown");
        runs.ShouldBe(0);
        app.Log.Lines.ShouldContain(l => l.Contains("POST /proxied", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_success_that_no_unit_of_work_stands_behind_is_no_answer()
    {
        await using var app = await EdgeApp.StartAsync(host => host.MapPost("/early", () => "late")
            .AddEndpointFilter((_, _) => new(TypedResults.Ok("early"))).RequireIdempotencyKey());
        (await app.Alice.PostAsync("/early", "{}", ("Idempotency-Key", "one"))).ShouldBeProblem(500, "internal-error", "unknown");
    }

    [Fact]
    public async Task What_is_mapped_by_a_request_delegate_runs_its_filters()
    {
        await using var app = await EdgeApp.StartAsync(host =>
            host.MapPost("/plain", (RequestDelegate)(http => http.Response.WriteAsync($"{++runs}"))).RequireIdempotencyKey());
        (await app.Alice.PostAsync("/plain", "{}", ("Idempotency-Key", "one"))).ShouldBe(200).Text.ShouldBe("1");
        (await app.Alice.PostAsync("/plain", "{}", ("Idempotency-Key", "one"))).ShouldBe(200).Text.ShouldBe("1");
    }

    private Unfiltered Others(WebApplication host, bool atOnce)
    {
        var others = new Unfiltered(http =>
        {
            runs++;
            return http.Response.WriteAsync("done");
        });
        ((IEndpointRouteBuilder)host).DataSources.Add(others);
        if (atOnce) others.Show();
        return others;
    }

    private sealed class Unfiltered(RequestDelegate handle) : EndpointDataSource, IEndpointConventionBuilder
    {
        private readonly List<Action<EndpointBuilder>> conventions = [];
        private CancellationTokenSource changed = new();
        private Endpoint[] shown = [];

        public override IReadOnlyList<Endpoint> Endpoints => shown.Length == 0 && isShown ? shown = [Build()] : shown;

        private bool isShown;

        public override IChangeToken GetChangeToken() => new CancellationChangeToken(changed.Token);

        public void Add(Action<EndpointBuilder> convention) => conventions.Add(convention);

        public void Show()
        {
            isShown = true;
            var before = changed;
            changed = new CancellationTokenSource();
            before.Cancel();
            before.Dispose();
        }

        private Endpoint Build()
        {
            var endpoint = new RouteEndpointBuilder(handle, RoutePatternFactory.Parse("/proxied"), 0) { DisplayName = "POST /proxied" };
            endpoint.Metadata.Add(new HttpMethodMetadata(["POST"]));
            foreach (var convention in conventions) convention(endpoint);
            return endpoint.Build();
        }
    }
}
