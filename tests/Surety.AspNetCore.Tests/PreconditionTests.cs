namespace Surety.AspNetCore.Tests;

public class PreconditionTests : IAsyncLifetime
{
    private EdgeApp app = null!;
    private int version = 7;

    public async ValueTask InitializeAsync() => app = await EdgeApp.StartAsync(host =>
    {
        host.MapGet("/thing", () => Preconditions.Ok(new { version }, version));
        host.MapPut("/thing", (HttpContext http, UnitOfWork work) => Preconditions.Refuse(http, version)
            ?? Preconditions.Ok(new { now = ++version }, version)).RequireIfMatch().RequireIdempotencyKey();
        host.MapPut("/thing/carelessly", (HttpContext http) => Preconditions.Refuse(http, version)
            ?? Preconditions.Ok(new { now = ++version }, version));
    });

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    [Theory]
    [InlineData("\"7\"", 304)]
    [InlineData("W/\"7\"", 304)]
    [InlineData("\"6\", \"a,b\" , \"7\"", 304)]
    [InlineData("*", 304)]
    [InlineData("\"6\"", 200)]
    [InlineData("7", 200)]
    [InlineData("\"7", 200)]
    [InlineData("", 200)]
    public async Task What_a_client_has_already_is_not_sent_again(string known, int status)
    {
        var answer = (await app.Alice.FetchAsync("/thing", ("If-None-Match", known))).ShouldBe(status);
        answer["ETag"].ShouldBe("\"7\"");
        answer.Text.ShouldBe(status == 304 ? "" : """{"version":7}""");
    }

    [Theory]
    [InlineData("\"7\"", 200)]
    [InlineData("\"6\", \"7\"", 200)]
    [InlineData("*", 200)]
    [InlineData("\"6\"", 412)]
    [InlineData("W/\"7\"", 412)]
    [InlineData("7", 412)]
    [InlineData("\"7", 412)]
    public async Task A_change_is_made_to_what_its_client_has_seen_only(string seen, int status)
    {
        var answer = await app.Alice.SendAsync(HttpMethod.Put, "/thing", null, ("If-Match", seen), ("Idempotency-Key", "k"));
        if (status == 412) answer.ShouldBeProblem(412, "precondition-failed").Member("detail").ShouldNotBeNull().ShouldContain("\"7\"");
        else answer.ShouldBe(200)["ETag"].ShouldBe("\"8\"");
        version.ShouldBe(status == 412 ? 7 : 8);
    }

    [Fact]
    public async Task A_change_that_says_nothing_of_what_its_client_has_seen_is_refused_and_its_key_stays_free()
    {
        (await app.Alice.SendAsync(HttpMethod.Put, "/thing", null, ("Idempotency-Key", "k"))).ShouldBeProblem(428, "precondition-required");
        (await app.Alice.SendAsync(HttpMethod.Put, "/thing", null, ("Idempotency-Key", "k"), ("If-Match", "\"7\""))).ShouldBe(200);
        (await app.Alice.SendAsync(HttpMethod.Put, "/thing", null, ("Idempotency-Key", "k"), ("If-Match", "\"7\"")))
            .ShouldBe(200)["Idempotent-Replayed"].ShouldBe("true");
        version.ShouldBe(8);
        // Where it is not required, it is heeded all the same.
        (await app.Alice.SendAsync(HttpMethod.Put, "/thing/carelessly", null, ("If-Match", "\"7\"")))
            .ShouldBeProblem(412, "precondition-failed");
        (await app.Alice.SendAsync(HttpMethod.Put, "/thing/carelessly")).ShouldBe(200);
    }
}
