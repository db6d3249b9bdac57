using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests;

/// <summary>A call that writes, made by an idempotent endpoint without its unit of work.</summary>
public sealed class WriteBesideTests
{
    /// <summary>The edge's own.</summary>
    private static readonly IReadOnlyList<PublicCall> OfEdge =
    [
        new("ApiKeys.CreateAsync(String, IReadOnlyCollection`1, Nullable`1, CancellationToken)", async s =>
            await s.GetRequiredService<ApiKeys>().CreateAsync("somebody", [])),
        new("ApiKeys.FindAsync(String, CancellationToken)", null, "reads"),
        new("ApiKeys.ListAsync(String, String, Int32, CancellationToken)", null, "reads"),
        new("ApiKeys.RevokeAsync(String, CancellationToken)", async s => await s.GetRequiredService<ApiKeys>().RevokeAsync("nobodys")),
        new("ApiKeys.RotateAsync(String, TimeSpan, Nullable`1, CancellationToken)", async s =>
            await s.GetRequiredService<ApiKeys>().RotateAsync("nobodys", TimeSpan.Zero, null)),
        new("Jobs.AcceptAsync(T, EnqueueOptions, CancellationToken)", null, "takes the endpoint's unit of work"),
    ];

    private static readonly IReadOnlyList<PublicCall> All = [.. PublicWrites.OfCore, .. OfEdge];

    [Fact]
    public void Every_public_call_of_the_edge_is_known_by_whether_it_writes() =>
        PublicWrites.In(typeof(ApiKeys).Assembly).Order(StringComparer.Ordinal)
            .ShouldBe(OfEdge.Select(c => c.Name).Order(StringComparer.Ordinal), "Say here whether the new call writes");

    [Theory]
    [InlineData("sqlite", "handler")]
    [InlineData("postgres", "handler")]
    [InlineData("sqlite", "filter")]
    [InlineData("postgres", "filter")]
    [InlineData("sqlite", "result")]
    [InlineData("postgres", "result")]
    public async Task A_call_that_writes_beside_an_endpoints_unit_of_work_is_refused_at_once(string store, string from)
    {
        await using var place = store == "postgres" ? await PostgresEdge.OpenAsync() : null;
        Dictionary<string, Exception?>? tried = null;
        await using var app = await EdgeApp.StartAsync(
            app => Map(app, from, async http => tried = await PublicWrites.TryAllAsync(http.RequestServices, All)), place: place);
        (await app.Alice.PostAsync("/try", "{}", ("Idempotency-Key", "beside"))).ShouldBe(200);
        tried.ShouldNotBeNull().Count.ShouldBeGreaterThan(11);
        foreach (var (call, failure) in tried)
            failure.ShouldBeOfType<InvalidOperationException>($"{call}: {failure}").Message.ShouldContain(
                "inside a unit of work", Case.Sensitive, call);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_call_beside_that_the_endpoint_does_not_catch_leaves_nothing(string store)
    {
        await using var place = store == "postgres" ? await PostgresEdge.OpenAsync() : null;
        await using var app = await EdgeApp.StartAsync(
            app => Map(app, "handler", async http => await http.RequestServices.GetRequiredService<IQueue>().EnqueueAsync(new Beside(1))),
            place: place);
        (await app.Alice.PostAsync("/try", "{}", ("Idempotency-Key", "beside"))).ShouldBeProblem(500, "internal-error");
        (await app.Get<IMessages>().ListAsync(new MessageFilter())).Items.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task An_endpoint_that_means_outside_of_its_unit_of_work_says_so(string store)
    {
        await using var place = store == "postgres" ? await PostgresEdge.OpenAsync() : null;
        Dictionary<string, Exception?>? tried = null;
        await using var app = await EdgeApp.StartAsync(
            app => Map(app, "handler", async http => tried = await PublicWrites.TryAllAsync(http.RequestServices, All, suppressed: true)),
            place: place);
        (await app.Alice.PostAsync("/try", "{}", ("Idempotency-Key", "beside"))).ShouldBe(200);
        if (store == "postgres") tried.ShouldNotBeNull().ShouldAllBe(t => t.Value == null);
        // What finds nothing to change there writes nothing.
        else tried.ShouldNotBeNull().Count(t => t.Value is InvalidOperationException).ShouldBeGreaterThanOrEqualTo(tried.Count - 2);
    }

    [Fact]
    public async Task Before_its_unit_of_work_begins_an_endpoints_filters_may_write()
    {
        Dictionary<string, Exception?>? tried = null;
        await using var app = await EdgeApp.StartAsync(app => app.MapPost("/try", () => "done").AddEndpointFilter(async (context, next) =>
        {
            tried = await PublicWrites.TryAllAsync(context.HttpContext.RequestServices, All);
            return await next(context);
        }).RequireIdempotencyKey());
        (await app.Alice.PostAsync("/try", "{}", ("Idempotency-Key", "before"))).ShouldBe(200);
        tried.ShouldNotBeNull().ShouldAllBe(t => t.Value == null);
    }

    private static void Map(WebApplication app, string from, Func<HttpContext, Task> act)
    {
        var endpoint = app.MapPost("/try", async (HttpContext http) =>
        {
            if (from == "handler") await act(http);
            return from == "result" ? new Acting(act) : Results.Ok();
        }).RequireIdempotencyKey();
        if (from != "filter") return;
        endpoint.AddEndpointFilter(async (context, next) =>
        {
            await act(context.HttpContext);
            return await next(context);
        });
    }

    private sealed class Acting(Func<HttpContext, Task> act) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            await act(httpContext);
            await Results.Ok().ExecuteAsync(httpContext);
        }
    }
}
