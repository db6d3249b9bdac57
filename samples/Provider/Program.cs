using System.Globalization;
using Provider;

// Plays the company that moves money to other banks: knows nothing of Surety, takes idempotency keys, and fails when it is told to.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.Services.AddSingleton(new Records(builder.Configuration.GetConnectionString("main") ?? "Data Source=provider.db"));
builder.Services.AddSingleton<Troubles>();
var app = builder.Build();
var inFlight = 0;

app.MapPost("/payments", async (Instruction instruction, HttpContext http, Records records, Troubles troubles) =>
{
    Interlocked.Increment(ref inFlight);
    try
    {
        if (http.Request.Headers["Idempotency-Key"].ToString() is not { Length: > 0 and <= 255 } key) return Results.BadRequest();
        var trouble = troubles.Next();
        if (trouble.Delay > TimeSpan.Zero) await Task.Delay(trouble.Delay, CancellationToken.None);
        if (trouble.Refuse is { } status)
        {
            if (troubles.Plan.RetryAfterSeconds is { } seconds)
                http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            return Results.StatusCode(status);
        }

        if (instruction.Destination.StartsWith("closed-", StringComparison.Ordinal))
            return Results.UnprocessableEntity("The destination is closed.");
        var payment = await records.PayAsync(key, instruction);
        if (payment.State == "voided") return Results.Conflict("The key was voided.");
        if (!trouble.LoseAnswer) return Results.Ok(new { Id = $"pay-{payment.Id}" });
        http.Abort();
        return Results.Empty;
    }
    finally
    {
        Interlocked.Decrement(ref inFlight);
    }
});

// Either nothing will ever be paid under the key (200), or something has been (409, with its id).
app.MapDelete("/payments/{key}", async (string key, Records records) =>
    await records.VoidAsync(key) is { State: "paid" } payment ? Results.Conflict(new { Id = $"pay-{payment.Id}" }) : Results.Ok());

app.MapGet("/payments", async (Records records, long after = 0) => await records.ListAsync(after));
app.MapGet("/in-flight", () => Volatile.Read(ref inFlight));
app.MapGet("/troubles", (Troubles troubles) => troubles.Plan);
app.MapPut("/troubles", (TroublePlan plan, Troubles troubles) =>
{
    troubles.Plan = plan;
    return Results.NoContent();
});

await app.Services.GetRequiredService<Records>().OpenAsync();
app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine(
    $"The provider listens on {app.Urls.First()} and keeps its records in {app.Configuration.GetConnectionString("main")}."));
await app.RunAsync();
