using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Validation;

namespace Surety.AspNetCore.Tests.Guide;

// What stands between "sample" and "end" here stands in docs/guide too; a test keeps the two the same, and HttpGuideTests runs it.

// sample: order-request
public sealed record PlaceOrder([property: Required, StringLength(40)] string Item, [property: Range(1, 99)] int Count);
// end

public sealed record PlacedOrder(string Id, string Item, int Count);

#pragma warning disable ASP0029
// sample: job-message
[ValidatableType, Message("stock.count")]
public sealed record CountStock([property: StringLength(40)] string Item);

public sealed class CountStockHandler(Database database) : IHandler<CountStock>
{
    public async Task<Outcome> HandleAsync(Delivery<CountStock> delivery, CancellationToken cancel)
    {
        delivery.ReportProgress(0, 1, "items"); // shown by GET /jobs/{id}
        var left = await Stock.CountAsync(database, delivery.Message.Item, cancel);
        return Outcome.DoneWith($$"""{"left":{{left}}}"""); // served by GET /jobs/{id}/result
    }
}
// end
#pragma warning restore ASP0029

// sample: upload-handler
[Message("lines.count")]
public sealed record CountLines(string UploadId);

public sealed class CountLinesHandler(IUploads uploads) : IHandler<CountLines>
{
    public async Task<Outcome> HandleAsync(Delivery<CountLines> delivery, CancellationToken cancel)
    {
        await using var content = await uploads.OpenAsync(delivery.Message.UploadId, from: 0, cancel);
        using var lines = new StreamReader(content);
        var count = 0;
        while (await lines.ReadLineAsync(cancel) is not null) count++;
        return Outcome.DoneWith($$"""{"lines":{{count}}}""");
    }
}
// end

public static class Stock
{
    public const string Table = "CREATE TABLE stock (item TEXT PRIMARY KEY, count INTEGER NOT NULL)";

    public static async Task<bool> TakeAsync(UnitOfWork work, string item, int count, CancellationToken cancel)
    {
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = "UPDATE stock SET count = count - @count WHERE item = @item AND count >= @count";
        foreach (var (name, value) in new (string, object)[] { ("@item", item), ("@count", count) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    public static async Task<long> CountAsync(Database database, string item, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count FROM stock WHERE item = @item";
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("@item", item);
        command.Parameters.Add(parameter);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }
}

public static class Samples
{
    public static WebApplication Build(WebApplicationBuilder builder, string connectionString)
    {
        // sample: edge-wiring
        builder.AddSurety(surety => surety.UseSqlite(connectionString).Handle<CountStock, CountStockHandler>());
        builder.Services.AddSuretyEdge(edge =>
        {
            edge.ProblemBase = new Uri("https://shop.example/problems"); // have a page there
            edge.StopDelay = TimeSpan.FromSeconds(5);                    // behind a balancer
        });
        // end
        Validate(builder);
        builder.Services.Configure<EdgeOptions>(Limit);
        CallOthers(builder);
        var app = builder.Build();
        // sample: map-surety
        app.MapSurety(); // /jobs/{id}, /livez, /readyz, /startupz
        // end
        Commands(app);
        Jobs(app);
        Operators(app);
        MapLimited(app);
        MapBounded(app);
        return app;
    }

    /// <summary>Every app of these tests calls this one: the framework's generator takes one call a project.</summary>
    public static void Validate(WebApplicationBuilder builder)
    {
        // sample: validation
        builder.Services.AddValidation(); // once in a project: its generator fails on a second call
        // end
    }

    /// <summary>Of docs/guide/limits.md.</summary>
    public static void Limit(EdgeOptions edge)
    {
        // sample: quotas
        edge.Quotas["default"] = new() { Permits = 600, Window = TimeSpan.FromMinutes(1) };                      // each principal, on this node
        edge.Quotas["address"] = new() { Permits = 3_000, By = QuotaBy.Address };                                // before authentication
        edge.Quotas["reports"] = new() { Permits = 20, Window = TimeSpan.FromHours(1), Shared = true, Everywhere = false }; // over all nodes
        // end
    }

    public static void MapLimited(WebApplication app)
    {
        // sample: with-quota
        app.MapGet("/stock/report", () => "").WithQuota("reports");
        app.MapGet("/stock/about", () => "").WithoutQuotas();
        // end
    }

    public static void MapBounded(WebApplication app)
    {
        // sample: overload
        app.MapGet("/stock/export", () => "").WithPriority(RequestPriority.Low).LimitConcurrency(2);
        app.MapGet("/stock/news", () => "").LongRunning(); // waits or streams
        // end
    }

    public static void CallOthers(WebApplicationBuilder builder)
    {
        // sample: outgoing
        builder.Services.AddHttpClient("supplier", http => http.BaseAddress = new Uri("https://supplier.example"))
            .AddResilience(calls => calls.HedgeAfter = TimeSpan.FromMilliseconds(300));
        // end
    }

    private static void Commands(WebApplication app)
    {
        // sample: command
        app.MapPost("/orders", async (PlaceOrder order, UnitOfWork work, IQueue queue, CancellationToken cancel) =>
        {
            if (!await Stock.TakeAsync(work, order.Item, order.Count, cancel))
                return Problem.Of(422, "out-of-stock", $"There are not {order.Count} of \"{order.Item}\" left. Order fewer.");

            var counted = await queue.EnqueueAsync(new CountStock(order.Item), work, cancel);
            return TypedResults.Created($"/orders/{counted.Id}", new PlacedOrder($"{counted.Id}", order.Item, order.Count));
        }).RequireIdempotencyKey();
        // end
    }

    private static void Jobs(WebApplication app)
    {
        // sample: map-job
        app.MapJob<CountStock>("/counts");
        // end

        // sample: job-in-command
        app.MapPost("/orders/checked", async (PlaceOrder order, UnitOfWork work, Jobs jobs, CancellationToken cancel) =>
            await Stock.TakeAsync(work, order.Item, order.Count, cancel)
                ? await jobs.AcceptAsync(new CountStock(order.Item), new EnqueueOptions { OrderingKey = order.Item }, cancel)
                : Problem.Of(422, "out-of-stock", $"There are not {order.Count} of \"{order.Item}\" left. Order fewer."))
            .RequireIdempotencyKey();
        // end
    }

    public static async Task<string> KeysAsync(ApiKeys keys, CancellationToken cancel)
    {
        // sample: api-keys
        var key = await keys.CreateAsync("warehouse-7", ["stock"], DateTimeOffset.UtcNow.AddDays(90), cancel);
        Console.WriteLine(key.Secret);                                  // sk_…: shown this once, stored only as a digest

        foreach (var known in await keys.ListAsync(cancel))
            Console.WriteLine($"{known.Prefix} {known.Principal} until {known.ExpiresAt}");
        await keys.RevokeAsync(key.Prefix, cancel);                     // at once here, within 5 s in other processes
        // end
        return key.Secret;
    }

    private static void Operators(WebApplication app)
    {
        // sample: scopes
        app.MapDelete("/keys/{prefix}", async (string prefix, ApiKeys keys, CancellationToken cancel) =>
            await keys.RevokeAsync(prefix, cancel) ? Results.NoContent() : Problem.Of(404, "no-such-key", "There is no such key, or it is revoked already."))
            .RequireAuthorization("operator");
        // end
    }

    public static WebApplication BuildUploads(WebApplicationBuilder builder, string connectionString, string folder)
    {
        // sample: upload-wiring
        builder.AddSurety(surety => surety
            .UseSqlite(connectionString)
            .UseBlobFolder(folder)
            .Handle<CountLines, CountLinesHandler>("files"));
        // end
        builder.Services.AddSuretyEdge();
        var app = builder.Build();
        // sample: map-uploads
        app.MapUploads("/files", upload => new CountLines(upload.Id), o =>
        {
            o.MaxBytes = 200_000_000;
            o.ContentTypes.Add("text/csv");
        });
        // end
        app.MapSurety();
        return app;
    }
}
