using System.Data.Common;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Surety.Bench.Commands;

/// <summary>One of the two servers, in a process of its own: says its address, and ends when its input is closed.</summary>
internal static class Server
{
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var folder = args[1];

        BareServer? bare = null;
        if (args[0] == "surety")
        {
            builder.AddSurety(
                surety => surety.UseSqlite($"Data Source={Path.Combine(folder, "surety.db")}").Configure(o => o.Work = false));
            // All of the load is to be carried here, at whatever price in time.
            builder.Services.AddSuretyEdge(edge => edge.MinConcurrency = 64);
        }

        await using var app = builder.Build();
        if (args[0] == "surety") MapSurety(app);
        else (bare = new BareServer(folder)).Map(app);
        await app.StartAsync();
        if (args[0] == "surety") await CreateSchemaAsync(app.Services.GetRequiredService<SuretyDatabase>(), Ledger.Schema);
        await ServeAsync(app, "");
        bare?.Dispose();
        return 0;
    }

    /// <summary>Says where it is and what key lets callers in; every line of input asks what has been spent so far.</summary>
    public static async Task ServeAsync(WebApplication app, string key)
    {
        Console.WriteLine($"{app.Urls.First()} {key}");
        while (await Console.In.ReadLineAsync() is not null)
            Console.WriteLine(
                string.Create(
                CultureInfo.InvariantCulture,
                $"{Environment.CpuUsage.TotalTime.TotalMicroseconds} {GC.GetTotalAllocatedBytes(precise: true)}"));

        await app.StopAsync();
    }

    public static long[] Audit(DbCommand command)
    {
        using var row = command.ExecuteReader();
        row.Read();
        return [row.GetInt64(0), row.GetInt64(1), row.IsDBNull(2) ? 0 : row.GetInt64(2), row.GetInt64(3)];
    }

    private static void MapSurety(WebApplication app)
    {
        // What a user of Surety writes: no word of keys, transactions or stored answers.
        app.MapPost("/transfers", async (Transfer command, UnitOfWork work, IQueue queue, TimeProvider time, CancellationToken cancel) =>
        {
            if (Ledger.Fault(command) is { } fault) return Results.Problem(fault, statusCode: 400);
            var done = await Ledger.TransferAsync(command, time.GetUtcNow(), (sql, parameters) =>
            {
                using var statement = work.Connection.CreateCommand();
                (statement.Transaction, statement.CommandText) = (work.Transaction, sql);
                return new(Ledger.Scalar(statement, parameters));
            });
            if (done is null) return Results.Problem("Insufficient funds.", statusCode: 422);
            await queue.EnqueueAsync(new TransferPosted(done.Id, done.From, done.To, done.Amount), work, cancel);
            return Results.Created($"/transfers/{done.Id}", done);
        }).RequireIdempotencyKey().AllowAnonymous();

        app.MapGet("/audit", async (SuretyDatabase database, CancellationToken cancel) =>
        {
            await using var connection = await database.OpenReadAsync(cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = Ledger.Audit;
            return Audit(command);
        }).AllowAnonymous();
    }

    public static async Task CreateSchemaAsync(SuretyDatabase database, string schema)
    {
        await using var work = await database.BeginAsync();
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, schema);
        await command.ExecuteNonQueryAsync();
        await work.CommitAsync();
    }
}
