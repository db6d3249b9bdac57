using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Mvc;

namespace Surety.AspNetCore.Tests;

/// <summary>An action of a controller: a row for each deposit, and every kind of refusal.</summary>
[ApiController, Route("controlled")]
public sealed class ControlledController : ControllerBase
{
    [HttpPost]
    public async Task<ActionResult<long>> PostAsync(ControlledDeposit deposit, [FromServices] UnitOfWork work) =>
        await Deposits.InsertAsync(work, new Deposit(deposit.Account, deposit.Amount));

    [HttpGet("says/{status:int}")]
    public IActionResult Says(int status) => StatusCode(status);

    [HttpGet("own")]
    public IActionResult Own() => Problem("The cellar is closed.", statusCode: 409);

    [HttpGet("paged")]
    public ActionResult<int> Paged([FromQuery, Range(1, 50)] int pageSize) => pageSize;

    [HttpGet("fails")]
    public IActionResult Fails() => throw new InvalidOperationException("Data Source=/var/lib/vault.db");
}

public sealed record ControlledDeposit(
    [Required, StringLength(20)] string Account, [Range(1, 1_000_000)] long Amount, DateTimeOffset? At = null);

public sealed class ControllerTests : IAsyncLifetime
{
    private EdgeApp app = null!;

    public async ValueTask InitializeAsync() => app = await EdgeApp.StartAsync(
        host => host.MapControllers().AcceptIdempotencyKey(),
        configure: b => b.Services.AddControllers().AddApplicationPart(typeof(ControlledController).Assembly));

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    [Fact]
    public async Task An_action_is_a_command_like_any_other()
    {
        var first = (await PostAsync("""{"account":"savings","amount":10}""")).ShouldBe(200);
        (await PostAsync("""{"account":"savings","amount":10}""")).ShouldRepeat(first);
        (await app.DepositsAsync()).ShouldBe(1);
    }

    [Theory]
    [InlineData("""{"account":"savings","amount":"10"}""", "malformed-body", "#/amount")]
    [InlineData("""{"account":"savings","Amount":10}""", "malformed-body", "#/Amount")]
    [InlineData("""{"account":"savings","amount":10,"amount":11}""", "malformed-body", "")]
    [InlineData("""{"account":"savings","amount":10,"at":"2026-05-01T12:00:00"}""", "malformed-body", "#/at")]
    [InlineData("{", "malformed-body", "")]
    [InlineData("""{"account":"savings","amount":0}""", "validation", "#/amount")]
    [InlineData("""{"amount":10}""", "validation", "#/account")]
    public async Task What_it_cannot_read_or_validate_is_refused_in_the_clients_words(string body, string code, string at)
    {
        (await PostAsync(body)).ShouldBeProblem(400, code).Text.ShouldContain(at);
        (await app.DepositsAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Every_other_error_is_a_problem_too()
    {
        (await app.Alice.FetchAsync("/controlled/says/404")).ShouldBeProblem(404, "not-found");
        (await app.Alice.FetchAsync("/controlled/says/409")).ShouldBeProblem(409, "conflict");
        (await app.Alice.FetchAsync("/controlled/own")).ShouldBeProblem(409, "conflict").Member("detail").ShouldBe("The cellar is closed.");
        (await app.Alice.FetchAsync("/controlled/paged?pageSize=51")).ShouldBeProblem(400, "validation").Text.ShouldContain("#/pageSize");
        (await app.Alice.FetchAsync("/controlled/paged?pageSize=x")).ShouldBeProblem(400, "validation").Text.ShouldContain("#/pageSize");
        (await app.Alice.FetchAsync("/controlled/fails")).ShouldBeProblem(500, "internal-error");
        (await app.Alice.SendAsync(HttpMethod.Post, "/controlled", FileApp.Chunk([1], "text/plain"), default))
            .ShouldBeProblem(415, "unsupported-media-type");
    }

    private Task<Answer> PostAsync(string body) => app.Alice.PostAsync("/controlled", body, ("Idempotency-Key", "one"));
}
