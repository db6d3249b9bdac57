using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Routing;

namespace Surety.AspNetCore.Tests;

/// <summary>What a client leaves out of its JSON is its own fault, and is not guessed.</summary>
public sealed class BodyShapeTests : IAsyncLifetime
{
    private EdgeApp app = null!;

    public async ValueTask InitializeAsync() => app = await EdgeApp.StartAsync(Map);

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    [Theory]
    [InlineData("/shapes", "{}", "#")]
    [InlineData("/shapes", """{"side":3}""", "#")]
    [InlineData("/boxes", """{"shape":{}}""", "#/shape")]
    [InlineData("/boxes", """{"shape":{"side":3,"$type":"square"}}""", "#/shape")]
    [InlineData("/named", """{"radius":3}""", "#")]
    [InlineData("/shapes", """{"$type":"line"}""", "#")]
    public async Task A_value_that_does_not_say_its_kind_is_a_malformed_body(string path, string body, string at)
    {
        var answer = (await app.Alice.PostAsync(path, body)).ShouldBeProblem(400, "malformed-body");
        answer.Member("pointer").ShouldNotBeNull().ShouldStartWith(at);
        app.Log.Lines.ShouldNotContain(l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_member_that_is_missing_is_named_as_the_type_calls_it()
    {
        (await app.Alice.PostAsync("/shapes", "{}")).Member("detail").ShouldNotBeNull().ShouldContain("\"$type\"");
        (await app.Alice.PostAsync("/named", "{}")).Member("detail").ShouldNotBeNull().ShouldContain("\"kind\"");
    }

    [Fact]
    public async Task A_value_that_says_its_kind_is_read()
    {
        (await app.Alice.PostAsync("/shapes", """{"$type":"square","side":3}""")).ShouldBe(200).Text.ShouldBe("Square");
        (await app.Alice.PostAsync("/named", """{"kind":"disc","radius":3}""")).ShouldBe(200).Text.ShouldBe("Disc");
    }

    [Theory]
    [InlineData("2026-05-01T12:00:00")]
    [InlineData("2026-05-01T12:00:00.5")]
    [InlineData("2026-05-01")]
    public async Task An_instant_without_an_offset_is_refused(string text)
    {
        (await app.Alice.PostAsync("/instants", $$"""{"at":"{{text}}"}""")).ShouldBeProblem(400, "malformed-body").Member("detail")
            .ShouldNotBeNull().ShouldContain("offset");
        (await app.Alice.FetchAsync($"/instants?at={text}")).ShouldBeProblem(400, "validation").Member("detail")
            .ShouldNotBeNull().ShouldContain("offset");
    }

    [Theory]
    [InlineData("2026-05-01T12:00:00Z", "2026-05-01T12:00:00")]
    [InlineData("2026-05-01T12:00:00+02:00", "2026-05-01T10:00:00")]
    [InlineData("2026-05-01T12:00:00.5-00:30", "2026-05-01T12:30:00.5")]
    public async Task An_instant_with_an_offset_is_read(string text, string utc)
    {
        (await app.Alice.PostAsync("/instants", $$"""{"at":"{{text}}"}""")).ShouldBe(200).Text.ShouldStartWith(utc);
        (await app.Alice.FetchAsync($"/instants?at={Uri.EscapeDataString(text)}")).ShouldBe(200).Text.ShouldStartWith(utc);
        (await app.Alice.FetchAsync("/instants")).ShouldBe(200).Text.ShouldBe("");
    }

    private static void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/shapes", (Shape shape) => shape.GetType().Name);
        app.MapPost("/boxes", (Box box) => box.Shape.GetType().Name);
        app.MapPost("/named", (IRound round) => round.GetType().Name);
        app.MapPost("/instants", (Moment moment) => moment.At.UtcDateTime.ToString("O"));
        app.MapGet("/instants", (DateTimeOffset? at) => at?.UtcDateTime.ToString("O") ?? "");
    }

    [JsonPolymorphic, JsonDerivedType(typeof(Square), "square")]
    internal abstract record Shape;

    internal sealed record Square(int Side) : Shape;

    internal sealed record Box(Shape Shape);

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind"), JsonDerivedType(typeof(Disc), "disc")]
    internal interface IRound;

    internal sealed record Disc(int Radius) : IRound;

    internal sealed record Moment(DateTimeOffset At);
}
