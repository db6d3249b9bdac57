using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Microsoft.OpenApi;
using Surety.AspNetCore.OpenApi;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Tests;

/// <summary>What the document says, of an app with one endpoint of each kind.</summary>
public sealed class OpenApiTests(OpenApiTests.Described described) : IClassFixture<OpenApiTests.Described>
{
    private JsonElement Document => described.Document;

    [Fact]
    public void Every_endpoint_is_in_it_but_for_those_that_are_marked()
    {
        var known = Document.GetProperty("paths").EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Select(o => $"{o.Name.ToUpperInvariant()} {p.Name}")).ToList();
        var hidden = described.App.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is not null).ToList();
        var mapped = described.App.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Except(hidden)
            .SelectMany(
                e => e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Select(
                    method => $"{method} {e.RoutePattern.RawText!.TrimEnd('/')}")).ToList();
        hidden.Select(e => e.RoutePattern.RawText).ShouldContain("/livez");
        mapped.Count.ShouldBeGreaterThan(12);
        known.ShouldBe(mapped.Except(["GET /by-hand/{id:int}"]), ignoreOrder: true);
    }

    [Fact]
    public void An_endpoint_that_it_leaves_out_is_named_in_the_log() =>
        described.App.Log.Lines.Where(l => l.Contains("is not in the OpenAPI document", StringComparison.Ordinal)).ShouldHaveSingleItem()
            .ShouldContain("GET /by-hand/{id}");

    [Fact]
    public async Task A_host_that_is_built_for_its_document_alone_opens_no_store_and_starts_nothing_but_its_endpoints()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddHostedService<NobodyStarts>();
        DocumentBuild.StartNothing(builder.Services);
        // A folder that does not exist: opening it would fail.
        builder.AddSurety(surety => surety.UseSqlite("Data Source=/nowhere/at/all.db"));
        builder.Services.AddSuretyEdge();
        builder.Services.AddSuretyOpenApi();
        await using var app = builder.Build();
        app.MapSurety();
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        (await http.GetStringAsync("/openapi/v1.json")).ShouldContain("\"/jobs/{id}\"");
        (await http.GetAsync("/startupz")).StatusCode.ShouldBe(System.Net.HttpStatusCode.ServiceUnavailable);
    }

    private sealed class NobodyStarts : BackgroundService
    {
        public override Task StartAsync(CancellationToken cancellationToken) => throw new InvalidOperationException("This was started.");

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.CompletedTask;
    }

    [Fact]
    public async Task A_message_id_is_described_as_the_string_that_it_is()
    {
        await using var app = await EdgeApp.StartAsync(
            a => a.MapGet("/sent", () => new Sent(new MessageId(7), null)).AllowAnonymous(), configure: b => b.Services.AddSuretyOpenApi());
        (await app.Client().FetchAsync("/sent")).ShouldBe(200).Text.ShouldBe("""{"id":"7","after":null}""");
        var properties = (await app.Client().FetchAsync("/openapi/v1.json")).Json
            .GetProperty("components").GetProperty("schemas").GetProperty("Sent").GetProperty("properties");
        properties.ToString().ShouldNotContain("$ref");
        properties.GetProperty("id").GetProperty("type").GetString().ShouldBe("string");
        properties.GetProperty("after")
            .GetProperty("type").EnumerateArray().Select(t => t.GetString()).ShouldBe(["null", "string"], ignoreOrder: true);
    }

    private sealed record Sent(MessageId Id, MessageId? After);

    [Fact]
    public void Operations_have_names_of_their_own_even_where_nobody_gave_them_one()
    {
        var names = Operations().Select(o => o.GetProperty("operationId").GetString()!).ToList();
        names.ShouldBeUnique();
        names.ShouldContain("getNothingById");
        names.ShouldContain("placeOrder");
        names.ShouldContain("continueFilesUpload");
    }

    [Fact]
    public void A_command_tells_of_its_key_and_how_long_it_is_kept()
    {
        var key = Resolved(Operation("/orders", "post").GetProperty("parameters").EnumerateArray().Single());
        key.GetProperty("name").GetString().ShouldBe("Idempotency-Key");
        key.GetProperty("required").GetBoolean().ShouldBeTrue();
        key.GetProperty("description").GetString()!.ShouldContain("Kept for 24 h");
        var pattern = key.GetProperty("schema").GetProperty("pattern").GetString()!;
        foreach (var good in new[] { "k", "8e03978e-40d5-43dd-bc93-6894a57f9324", "\"with, comma; and \\\"quotes\\\"\"",
            new string('x', 255) }) good.ShouldMatch(pattern);
        foreach (var bad in new[] { "", "a b", "a,b", "a;b", "\"open", "\"\"", new string('x', 256), "ü" }) bad.ShouldNotMatch(pattern);
        Answer("/orders", "post", "201").GetProperty("headers").EnumerateObject().Select(h => h.Name)
            .ShouldBe(["Idempotent-Replayed", "Location", "RateLimit", "RateLimit-Policy"]);
    }

    [Fact]
    public void Each_refusal_stands_there_with_its_code_and_an_example()
    {
        var refused = Answer("/orders", "post", "422").GetProperty("content").GetProperty("application/problem+json")
            .GetProperty("examples");
        refused.EnumerateObject().Select(e => e.Name).ShouldBe(["idempotency-key-reused", "out-of-stock"]);
        var example = refused.GetProperty("out-of-stock").GetProperty("value");
        example.GetProperty("type").GetString().ShouldBe("https://surety.example/problems#out-of-stock");
        example.GetProperty("title").GetString().ShouldBe("Out of stock");
        example.GetProperty("detail").GetString().ShouldBe("There are not 3 left.");
        Answer("/orders", "post", "503").GetProperty("headers").TryGetProperty("Retry-After", out _).ShouldBeTrue();
        Answer("/orders", "post", "413").GetProperty("description").GetString()!.ShouldContain("1048576 bytes");
        Operation("/orders", "post").GetProperty("responses").EnumerateObject().Select(r => r.Name)
            .ShouldBe(["201", "400", "401", "403", "408", "409", "413", "415", "422", "429", "500", "503"]);
    }

    [Fact]
    public void Rules_of_members_stand_there_wherever_the_attribute_is_written()
    {
        var members = Schema("OrderLine").GetProperty("properties");
        members.GetProperty("item").GetProperty("maxLength").GetInt32().ShouldBe(40);
        members.GetProperty("item").GetProperty("type").GetString().ShouldBe("string");
        members.GetProperty("count").GetProperty("maximum").GetInt32().ShouldBe(99);
        members.GetProperty("colour").GetProperty("pattern").GetString().ShouldBe("^[a-z]+$");
        members.GetProperty("tags").GetProperty("maxItems").GetInt32().ShouldBe(5);
        members.GetProperty("tags").GetProperty("items").GetProperty("type").GetString().ShouldBe("string");
        members.GetProperty("note").GetProperty("type").EnumerateArray().Select(t => t.GetString())
            .ShouldBe(["null", "string"], ignoreOrder: true);
        members.GetProperty("wanted").GetProperty("format").GetString().ShouldBe("date-time");
        members.GetProperty("wanted").GetProperty("description").GetString().ShouldBe("By when.");
    }

    [Fact]
    public void Requests_are_closed_and_answers_are_open()
    {
        Schema("OrderLine").GetProperty("additionalProperties").GetBoolean().ShouldBeFalse();
        Schema("OrderMade").TryGetProperty("additionalProperties", out _).ShouldBeFalse();
    }

    [Fact]
    public void Examples_of_bodies_are_put_together_from_those_of_their_members()
    {
        var example = Operation("/orders", "post").GetProperty("requestBody").GetProperty("content").GetProperty("application/json")
            .GetProperty("example");
        (example.GetProperty("item").GetString(), example.GetProperty("count").GetInt32(), example.GetProperty("colour").GetString())
            .ShouldBe(("lamp", 1, "red"));
    }

    [Fact]
    public void What_was_made_and_what_is_being_done_can_be_followed_by_a_link()
    {
        var made = Answer("/orders", "post", "201").GetProperty("links").GetProperty("getOrder");
        made.GetProperty("operationId").GetString().ShouldBe("getOrder");
        made.GetProperty("parameters").GetProperty("id").GetString().ShouldBe("$response.body#/id");
        var accepted = Answer("/reports", "post", "202");
        accepted.GetProperty("links").EnumerateObject().Select(l => l.Name).ShouldContain("getJob");
        accepted.GetProperty("headers").EnumerateObject().Select(h => h.Name).ShouldContain("Retry-After");
    }

    [Fact]
    public void Credentials_are_asked_for_where_they_are_needed()
    {
        Operation("/orders", "post").GetProperty("security")[0].GetProperty("ApiKey").GetArrayLength().ShouldBe(0);
        Operation("/secret", "get").GetProperty("description").GetString()!.ShouldContain("`operator`");
        Operation("/open", "get").GetProperty("security")[0].EnumerateObject().ShouldBeEmpty();
        Operation("/open", "get").GetProperty("responses").TryGetProperty("401", out _).ShouldBeFalse();
    }

    [Fact]
    public void An_entity_tag_brings_its_conditions_with_it()
    {
        Resolved(Operation("/orders/{id}", "get").GetProperty("parameters").EnumerateArray().Last()).GetProperty("name").GetString()
            .ShouldBe("If-None-Match");
        Answer("/orders/{id}", "get", "304").GetProperty("headers").TryGetProperty("ETag", out _).ShouldBeTrue();
        Resolved(Operation("/orders/{id}", "put").GetProperty("parameters").EnumerateArray()
            .First(p => Resolved(p).GetProperty("name").GetString() == "If-Match")).GetProperty("in").GetString().ShouldBe("header");
        Answer("/orders/{id}", "put", "412").GetProperty("content").GetProperty("application/problem+json").GetProperty("examples")
            .TryGetProperty("precondition-failed", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task It_is_made_once_and_sent_to_nobody_who_has_it()
    {
        var first = (await described.App.Client().FetchAsync("/openapi/v1.json")).ShouldBe(200);
        (await described.App.Client().FetchAsync("/openapi/v1.json", ("If-None-Match", first["ETag"]!))).ShouldBe(304).Body.ShouldBeEmpty();
    }

    [Fact]
    public async Task Nobody_is_served_a_document_that_was_not_asked_for()
    {
        await using var app = await EdgeApp.StartAsync(_ => { });
        (await app.Client().FetchAsync("/openapi/v1.json")).Status.ShouldBeOneOf(401, 404);
    }

    [Fact]
    public void A_second_call_is_a_mistake() =>
        Should.Throw<InvalidOperationException>(() => new ServiceCollection().AddSuretyOpenApi().AddSuretyOpenApi()).Message.ShouldContain(
            "AddSuretyOpenApi");

    private IEnumerable<JsonElement> Operations() =>
        Document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()).Select(o => o.Value);

    private JsonElement Operation(string path, string method) => Document.GetProperty("paths").GetProperty(path).GetProperty(method);

    private JsonElement Answer(string path, string method, string status) =>
        Resolved(Operation(path, method).GetProperty("responses").GetProperty(status));

    private JsonElement Schema(string name) => Document.GetProperty("components").GetProperty("schemas").GetProperty(name);

    private JsonElement Resolved(JsonElement element) =>
        element.TryGetProperty("$ref", out var reference)
            ? reference.GetString()!.Split('/').Skip(1).Aggregate(Document, (at, step) => at.GetProperty(step)) : element;

    public sealed record OrderLine(
        [StringLength(40), Example("lamp")] string Item,
        [Range(1, 99)] int Count,
        [Colour] string Colour,
        [MaxLength(5)] IReadOnlyList<string> Tags,
        [property: Description("By when.")] DateTimeOffset Wanted,
        string? Note = null);

    public sealed record OrderMade(string Id, string Item);

    [AttributeUsage(AttributeTargets.Parameter)]
    public sealed class ColourAttribute : ValidationAttribute, IDescribesSchema
    {
        public void Describe(OpenApiSchema schema) => (schema.Pattern, schema.Examples) = ("^[a-z]+$", ["red"]);
    }

    public sealed class Described : IAsyncLifetime
    {
        private readonly string folder = Directory.CreateTempSubdirectory("surety-openapi-").FullName;

        internal EdgeApp App { get; private set; } = null!;

        internal JsonElement Document { get; private set; }

        public async ValueTask InitializeAsync()
        {
            App = await EdgeApp.StartAsync(
                Map, surety: s => s.UseBlobFolder(folder).Handle<MonthlyReport, Reports>("reports"), configure: b =>
                    b.Services.AddSingleton(new Reports()).AddSuretyOpenApi());
            Document = (await App.Client().FetchAsync("/openapi/v1.json")).ShouldBe(200).Json;
        }

        public async ValueTask DisposeAsync()
        {
            await App.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }

        private static void Map(WebApplication app)
        {
            app.MapPost("/orders", (OrderLine line, UnitOfWork _) => TypedResults.Created("/orders/1", new OrderMade("1", line.Item)))
                .RequireIdempotencyKey()
                .WithName("placeOrder").Refuses(422, "out-of-stock", "There are not 3 left.");
            app.MapGet("/orders/{id}", (string id) => new OrderMade(id, "lamp")).WithName("getOrder").ProducesEntityTag();
            app.MapPut("/orders/{id}", (string id, OrderLine line) => new OrderMade(id, line.Item)).ProducesEntityTag();
            app.MapGet("/nothing/{id}", (string id) => Results.NotFound());
            app.MapGet("/secret", () => "").RequireAuthorization("operator");
            app.MapGet("/open", () => "").AllowAnonymous();
            app.MapGet("/by-hand/{id:int}", (RequestDelegate)(http => http.Response.WriteAsync("by hand")));
            app.MapJob<MonthlyReport>("/reports");
            app.MapUploads("/files", upload => new MonthlyReport(upload.Id));
        }
    }
}
