using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Validation;

namespace Surety.AspNetCore.Tests;

#pragma warning disable ASP0029
[ValidatableType]
#pragma warning restore ASP0029
public sealed record Deposit([property: Required, StringLength(20)] string Account, [property: Range(1, 1_000_000)] long Amount);

[Message("deposit.made")]
public sealed record DepositMade(long Id);

public sealed record Booked(string Id, string Account, long Amount);

/// <summary>
/// The endpoint most tests use: one row, one message, one answer. A test may let it do something else, before or after the row is written.
/// </summary>
internal sealed class Deposits
{
    private int runs;

    /// <summary>How often a handler ran.</summary>
    public int Runs => runs;

    public Func<HttpContext, CancellationToken, Task>? Before { get; set; }

    public Func<HttpContext, CancellationToken, Task<IResult?>>? After { get; set; }

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/deposits", HandleAsync).RequireIdempotencyKey();
        app.MapPost("/optional", HandleAsync).AcceptIdempotencyKey();
        app.MapPost("/accounts/{number}/deposits", HandleAsync).RequireIdempotencyKey();
    }

    private async Task<IResult> HandleAsync(Deposit deposit, UnitOfWork work, IQueue queue, HttpContext http, CancellationToken cancel)
    {
        Interlocked.Increment(ref runs);
        if (Before is not null) await Before(http, cancel);
        var id = await InsertAsync(work, deposit);
        await queue.EnqueueAsync(new DepositMade(id), new EnqueueOptions { Queue = "nobody-works-this" }, work, cancel);
        if (After is not null && await After(http, cancel) is { } other) return other;
        http.Response.Headers.ETag = $"\"{id}\"";
        return TypedResults.Created(
            $"/deposits/{id}", new Booked(id.ToString(System.Globalization.CultureInfo.InvariantCulture), deposit.Account, deposit.Amount));
    }

    public static async Task<long> InsertAsync(UnitOfWork work, Deposit deposit)
    {
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = "INSERT INTO deposit (account, amount) VALUES (@account, @amount) RETURNING id";
        foreach (var (name, value) in new (string, object)[] { ("@account", deposit.Account), ("@amount", deposit.Amount) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return (long)(await command.ExecuteScalarAsync())!;
    }
}
