using System.ComponentModel.DataAnnotations;
using System.Data.Common;
using Microsoft.Extensions.Validation;
using Microsoft.OpenApi;

namespace Surety.Guide;

// What stands between "sample" and "end" here stands in docs/guide too; a test keeps the two the same, and HttpGuideTests runs it.

// sample: order-request
public sealed record PlaceOrder([property: Required, StringLength(40)] string Item, [property: Range(1, 99)] int Count);
// end

// sample: openapi-attribute
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class SkuAttribute : ValidationAttribute, IDescribesSchema
{
    public override bool IsValid(object? value) => value is string { Length: 8 } text && text.All(char.IsAsciiDigit);

    public void Describe(OpenApiSchema schema) => (schema.Pattern, schema.Examples) = ("^[0-9]{8}$", ["20260501"]);
}
// end

public sealed record PlacedOrder(string Id, string Item, int Count);

// sample: job-message
#pragma warning disable ASP0029 // the framework still calls [ValidatableType] experimental
[ValidatableType, Message("stock.count")]
public sealed record CountStock([property: StringLength(40)] string Item);

public sealed class CountStockHandler(Database database) : IHandler<CountStock>
{
    public async Task<Outcome> HandleAsync(Delivery<CountStock> delivery, CancellationToken cancellationToken)
    {
        delivery.ReportProgress(0, 1, "items"); // shown by GET /jobs/{id}
        var left = await Stock.CountAsync(database, delivery.Message.Item, cancellationToken);
        return Outcome.DoneWith($$"""{"left":{{left}}}"""); // served by GET /jobs/{id}/result
    }
}
// end

// sample: upload-handler
[Message("lines.count")]
public sealed record CountLines(string UploadId);

public sealed class CountLinesHandler(IUploads uploads) : IHandler<CountLines>
{
    public async Task<Outcome> HandleAsync(Delivery<CountLines> delivery, CancellationToken cancellationToken)
    {
        await using var content = await uploads.OpenAsync(delivery.Message.UploadId, from: 0, cancellationToken);
        using var lines = new StreamReader(content);
        var count = 0;
        while (await lines.ReadLineAsync(cancellationToken) is not null) count++;
        return Outcome.DoneWith($$"""{"lines":{{count}}}""");
    }
}
// end

// sample: new-stock
public sealed record NewStock([property: Range(0, 9_999)] long Count);
// end

public sealed record StockRow(string Item, long Count, long Version);

public static class Stock
{
    public const string Table = "CREATE TABLE stock (item TEXT PRIMARY KEY, count INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1)";

    public static async Task<bool> TakeAsync(UnitOfWork work, string item, int count, CancellationToken cancel)
    {
        await using var command = Command(
            work.Connection, work.Transaction,
            "UPDATE stock SET count = count - @count, version = version + 1 WHERE item = @item AND count >= @count", ("@item", item),
            ("@count", count));
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    public static async Task SetAsync(UnitOfWork work, string item, long count, CancellationToken cancel)
    {
        await using var command = Command(
            work.Connection, work.Transaction, "UPDATE stock SET count = @count, version = version + 1 WHERE item = @item", ("@item", item),
            ("@count", count));
        await command.ExecuteNonQueryAsync(cancel);
    }

    public static async Task<StockRow?> FindAsync(
        DbConnection connection, DbTransaction? transaction, string item, CancellationToken cancel)
    {
        await using var command = Command(
            connection, transaction, "SELECT item, count, version FROM stock WHERE item = @item", ("@item", item));
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? new StockRow(row.GetString(0), row.GetInt64(1), row.GetInt64(2)) : null;
    }

    public static async Task<IReadOnlyList<string>> ItemsAsync(Database database, string after, int limit, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        await using var command = Command(
            connection, null, "SELECT item FROM stock WHERE item > @after ORDER BY item LIMIT @limit", ("@after", after),
            ("@limit", limit));
        await using var rows = await command.ExecuteReaderAsync(cancel);
        var items = new List<string>();
        while (await rows.ReadAsync(cancel)) items.Add(rows.GetString(0));
        return items;
    }

    public static async Task<long> CountAsync(Database database, string item, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return (await FindAsync(connection, null, item, cancel))!.Count;
    }

    private static DbCommand Command(
        DbConnection connection, DbTransaction? transaction, string text, params (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        (command.Transaction, command.CommandText) = (transaction, text);
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return command;
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
        builder.Services.Configure<EdgeOptions>(edge =>
        {
            // sample: map-constraint
            edge.MapConstraint("stock_not_negative", 422, "out-of-stock", "There is not so much left. Order less.");
            // end
        });
        CallOthers(builder);
        DescribeContract(builder);
        var app = builder.Build();
        // sample: map-surety
        app.MapSurety(); // /jobs, /livez, /readyz, /startupz
        // end
        Commands(app);
        Jobs(app);
        Lists(app);
        Versions(app);
        Operators(app);
        MapLimited(app);
        MapBounded(app);
        MapDescribed(app);
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
        // Each principal, on this node.
        edge.Quotas["default"] = new() { Permits = 600, Window = TimeSpan.FromMinutes(1) };
        // Before authentication.
        edge.Quotas["address"] = new() { Permits = 3_000, By = QuotaBy.Address };
        // Over all nodes.
        edge.Quotas["reports"] = new() { Permits = 20, Window = TimeSpan.FromHours(1), Shared = true, Everywhere = false };
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

    public static void DescribeContract(WebApplicationBuilder builder)
    {
        // sample: openapi
        builder.Services.AddSuretyOpenApi(document =>
        {
            document.Info = new OpenApiInfo { Title = "Shop", Version = "1.0.0", Description = "Lamps, and what they cost." };
            document.Tags = new HashSet<OpenApiTag> { new() { Name = "Orders", Description = "What customers want." } };
        });
        // end
    }

    public static void MapDescribed(WebApplication app)
    {
        // sample: openapi-endpoint
        app.MapGet("/orders/{id}", (string id) => id == "1"
                ? Results.Ok(new PlacedOrder("1", "lamp", 3))
                : HttpProblem.Of(404, "no-such-order", $"There is no order \"{id}\"."))
            .WithName("getOrder").WithTags("Orders").WithSummary("Look at an order").WithDescription("Whatever became of it.")
            .Produces<PlacedOrder>()
            .Refuses(404, "no-such-order", "There is no order \"9\"."); // the same three as HttpProblem.Of
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
                return HttpProblem.Of(422, "out-of-stock", $"There are not {order.Count} of \"{order.Item}\" left. Order fewer.");

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
                : HttpProblem.Of(422, "out-of-stock", $"There are not {order.Count} of \"{order.Item}\" left. Order fewer."))
            .RequireIdempotencyKey();
        // end
    }

    private static void Lists(WebApplication app)
    {
        // sample: list
        app.MapGet("/stock", async (
            HttpContext http, Database database, string? pageToken, CancellationToken cancel, [Range(1, 100)] int pageSize = 20) =>
        {
            if (Paging.Read(http, pageToken, out var after) is { } refusal) return refusal;
            // WHERE item > @after ORDER BY item LIMIT @limit
            var items = await Stock.ItemsAsync(database, after ?? "", pageSize + 1, cancel);
            var page = items.Take(pageSize).ToList();
            return Paging.Page(http, page, items.Count > pageSize ? page[^1] : null);
        });
        // end
    }

    private static void Versions(WebApplication app)
    {
        // sample: conditional
        app.MapGet("/stock/{item}", async (string item, Database database, CancellationToken cancel) =>
        {
            await using var connection = await database.OpenReadAsync(cancel);
            return await Stock.FindAsync(connection, null, item, cancel) is { } row
                ? Preconditions.Ok(row, row.Version)
                : HttpProblem.Of(404, "no-such-item", "There is no such item.");
        });

        app.MapPut("/stock/{item}", async (string item, NewStock stock, HttpContext http, UnitOfWork work, CancellationToken cancel) =>
        {
            // On PostgreSQL with FOR UPDATE: between this look and the change, nobody else may make one.
            if (await Stock.FindAsync(work.Connection, work.Transaction, item, cancel) is not { } row)
                return HttpProblem.Of(404, "no-such-item", "There is no such item.");
            if (Preconditions.Refuse(http, row.Version) is { } refusal) return refusal;
            await Stock.SetAsync(work, item, stock.Count, cancel); // version = version + 1
            return Preconditions.Ok(row with { Count = stock.Count, Version = row.Version + 1 }, row.Version + 1);
        }).RequireIfMatch().AcceptIdempotencyKey();
        // end
    }

    public static async Task<string> KeysAsync(ApiKeys keys, CancellationToken cancel)
    {
        // sample: api-keys
        var key = await keys.CreateAsync("warehouse-7", ["stock"], DateTimeOffset.UtcNow.AddDays(90), cancel);
        Console.WriteLine(key.Secret);                                  // sk_…: shown this once, stored only as a digest

        foreach (var known in await keys.ListAsync("warehouse-7", cancellationToken: cancel))
            Console.WriteLine($"{known.Prefix} until {known.ExpiresAt}, last used {known.UsedAt}");

        var next = await keys.RotateAsync(key.Prefix, overlap: TimeSpan.FromDays(7), DateTimeOffset.UtcNow.AddDays(90), cancel);
        Console.WriteLine(next?.Secret);                                // both work for a week
        await keys.RevokeAsync(key.Prefix, cancel);                     // at once here, within 5 s in other processes
        // end
        return key.Secret;
    }

    private static void Operators(WebApplication app)
    {
        // sample: scopes
        app.MapDelete("/keys/{prefix}", async (string prefix, ApiKeys keys, CancellationToken cancel) =>
            await keys.RevokeAsync(prefix, cancel)
                ? Results.NoContent() : HttpProblem.Of(404, "no-such-key", "There is no such key, or it is revoked already."))
            .RequireScope("operator");
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
