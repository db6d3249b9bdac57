using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Validation;

namespace Surety.AspNetCore.Tests;

#pragma warning disable ASP0029
[ValidatableType]
#pragma warning restore ASP0029
public sealed record Order(
    [property: JsonPropertyName("order-no"), Required, StringLength(8)] string Number,
    IReadOnlyList<OrderLine> Lines,
    Speed Speed = Speed.Normal,
    DateTimeOffset? WantedBy = null,
    IReadOnlyDictionary<string, int>? Marks = null,
    Order? Replaces = null);

public sealed record OrderLine([property: EmailAddress] string SendTo, [property: Range(1, 99)] int Count);

public enum Speed
{
    Normal,
    SameDay,
}

/// <summary>An endpoint that is no command: whatever is wrong with a request shows as the framework sees it.</summary>
internal static class Orders
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/orders", (Order order) => TypedResults.Ok(order));
        app.MapGet("/orders", (int page, string? somebody, [FromQuery(Name = "page-size"), Range(1, 50)] int size = 10) =>
            TypedResults.Ok(page * size));
        app.MapGet("/secret", () => "for operators").RequireAuthorization("operator");
        app.MapPost("/fails", IResult () => throw new InvalidOperationException("Data Source=/var/lib/vault.db;Password=hunter2"));
        app.MapGet("/fails", IResult () => throw new InvalidOperationException("Data Source=/var/lib/vault.db;Password=hunter2"));
        app.MapMethods("/says/{status:int}", ["GET", "POST"], (int status) => TypedResults.StatusCode(status));
        app.MapGet("/own", () => HttpProblem.Of(409, "insufficient-funds", "There are 3.00 EUR; 10.00 EUR were asked for."));
        app.MapGet("/frameworks-own", () => TypedResults.Problem("The cellar is closed.", statusCode: 409));
        app.MapGet("/store-away", IResult () => throw new StoreException("The database /var/lib/vault.db is away.", isTransient: true));
        app.MapGet("/empty", (HttpContext http) =>
        {
            http.Response.StatusCode = 404;
            http.Response.ContentLength = 0;
        });
        app.MapGet("/any/{**rest}", IResult (string rest) => throw new InvalidOperationException("no"));
        app.MapGet("/page", () => TypedResults.Text("<h1>gone</h1>", "text/html", statusCode: 410));
    }
}
