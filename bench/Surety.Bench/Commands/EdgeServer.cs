using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Surety.Bench.Commands;

/// <summary>The two servers on PostgreSQL: the bare endpoint, and the same statements behind everything that the edge does.</summary>
internal static class EdgeServer
{
    private const string Pay = "pay";

    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await (args[0] == "surety" ? ServeSuretyAsync(builder, args[1]) : ServeBareAsync(builder, args[1]));
        return 0;
    }

    /// <summary>
    /// The transfer and its outbox row in one transaction, statements prepared by the driver after a few uses; nothing else.
    /// </summary>
    private static async Task ServeBareAsync(WebApplicationBuilder builder, string address)
    {
        const string enqueue = "INSERT INTO job (state, kind, enqueued_at, due_at, payload) VALUES (0, @kind, @now, @now, @payload)";
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(address) { MaxAutoPrepare = 100 });
        await using (var schema = source.CreateCommand(
            $"""
            {Ledger.PostgresSchema}
            CREATE TABLE job (
                id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, state SMALLINT NOT NULL, kind TEXT NOT NULL,
                enqueued_at BIGINT NOT NULL, due_at BIGINT NOT NULL, attempts INT NOT NULL DEFAULT 0,
                claimed_at BIGINT, payload BYTEA NOT NULL);
            CREATE INDEX job_ready ON job (due_at, id) WHERE state = 0;
            """)) await schema.ExecuteNonQueryAsync();

        await using var app = builder.Build();
        app.MapPost("/transfers", async (Transfer command, CancellationToken cancel) =>
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            var now = TimeProvider.System.GetUtcNow();
            if (await Ledger.TransferAsync(command, now, Run) is not { } done)
                return Results.Problem("Insufficient funds.", statusCode: 422);
            var payload = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
                new TransferPosted(done.Id, done.From, done.To, done.Amount));
            await Run(enqueue, [("@kind", "transfer.posted"), ("@now", now.ToUnixTimeMilliseconds()), ("@payload", payload)]);
            await transaction.CommitAsync(cancel);
            return Results.Created($"/transfers/{done.Id}", done);

            ValueTask<object?> Run(string sql, (string, object?)[] parameters) => Ledger.ScalarAsync(transaction, sql, parameters, cancel);
        });
        app.MapGet("/audit", async (CancellationToken cancel) =>
        {
            await using var command = source.CreateCommand(Ledger.Audit);
            return Server.Audit(command);
        });
        await app.StartAsync();
        await Server.ServeAsync(app, "");
    }

    private static async Task ServeSuretyAsync(WebApplicationBuilder builder, string address)
    {
        using var exporter = new Exporter();
        builder.AddSurety(surety => surety.UsePostgres(address).Configure(o => o.Work = false));
        builder.Services.AddValidation();
        builder.Services.AddSuretyEdge(edge =>
        {
            edge.Quotas["caller"] = new() { Permits = 10_000_000 };
            edge.Quotas["everywhere"] = new() { Permits = 10_000_000, Shared = true };
            edge.Quotas["address"] = new() { Permits = 10_000_000, By = QuotaBy.Address };
            // It measures and decides as ever, but lets in all of the load: what is refused would be missing from the comparison.
            edge.MinConcurrency = 64;
        });

        await using var app = builder.Build();
        app.MapPost("/transfers", async (Transfer command, UnitOfWork work, IQueue queue, TimeProvider time, CancellationToken cancel) =>
        {
            var done = await Ledger.TransferAsync(
                command, time.GetUtcNow(), (sql, parameters) => Ledger.ScalarAsync(work.Transaction, sql, parameters, cancel));
            if (done is null) return Results.Problem("Insufficient funds.", statusCode: 422);
            await queue.EnqueueAsync(new TransferPosted(done.Id, done.From, done.To, done.Amount), work, cancel);
            return Results.Created($"/transfers/{done.Id}", done);
        }).RequireScope(Pay).RequireIdempotencyKey();
        app.MapGet("/audit", async (Database database, CancellationToken cancel) =>
        {
            await using var connection = await database.OpenReadAsync(cancel);
            await using var command = connection.CreateCommand();
            command.CommandText = Ledger.Audit;
            return Server.Audit(command);
        }).AllowAnonymous();
        await app.StartAsync();
        await Server.CreateSchemaAsync(app.Services.GetRequiredService<Database>(), Ledger.PostgresSchema);
        await Server.ServeAsync(app, (await app.Services.GetRequiredService<ApiKeys>().CreateAsync("payer", [Pay])).Secret);
    }
}
