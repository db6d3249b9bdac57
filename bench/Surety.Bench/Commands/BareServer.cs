using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Surety.Bench.Queues;

namespace Surety.Bench.Commands;

/// <summary>
/// The endpoint without Surety, as a good engineer writes it: reads the body, looks the key up, and does the transfer, the outbox row and
/// the stored answer in one immediate transaction, then answers. One connection with prepared commands, taken in turns: SQLite has one
/// write lock, and connections that fight for it are slower.
/// </summary>
internal sealed class BareServer : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly SqliteConnection connection;
    private readonly SemaphoreSlim turn = new(1, 1);
    private readonly Dictionary<string, SqliteCommand> commands = [];

    private const string Find = "SELECT fingerprint FROM idempotency WHERE key = @key AND expires_at > @now";
    private const string Answer = "SELECT body FROM idempotency WHERE key = @key";
    private const string Remember =
        "INSERT INTO idempotency (key, fingerprint, expires_at, status, body) VALUES (@key, @fingerprint, @expires, @status, @body)";
    private const string Enqueue = "INSERT INTO job (state, kind, enqueued_at, due_at, payload) VALUES (0, @kind, @now, @now, @payload)";

    public BareServer(string folder)
    {
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = Path.Combine(folder, "bare.db"), Pooling = false }.ToString());
        connection.Open();
        using var schema = connection.CreateCommand();
        schema.CommandText = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
            + HandQueue.Schema + Ledger.Schema
            + "CREATE TABLE idempotency (key TEXT NOT NULL PRIMARY KEY, fingerprint BLOB NOT NULL, expires_at INTEGER NOT NULL, status "
            + "INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID; CREATE INDEX idempotency_expires ON idempotency (expires_at);";
        schema.ExecuteNonQuery();
    }

    public void Map(WebApplication app)
    {
        app.MapPost("/transfers", TransferAsync);
        app.MapGet("/audit", () =>
        {
            turn.Wait();
            try
            {
                return Server.Audit(Command(Ledger.Audit));
            }
            finally
            {
                turn.Release();
            }
        });
    }

    public void Dispose()
    {
        foreach (var command in commands.Values) command.Dispose();
        connection.Dispose();
        turn.Dispose();
    }

    private async Task<IResult> TransferAsync(HttpContext http, CancellationToken cancel)
    {
        if (http.Request.Headers["Idempotency-Key"].ToString() is not { Length: > 0 and <= 255 } key)
            return Results.Problem("Send an Idempotency-Key.", statusCode: 400);
        var body = await ReadAsync(http.Request.BodyReader, cancel);
        if (JsonSerializer.Deserialize<Transfer>(body, Json) is not { } command)
            return Results.Problem("The body is null.", statusCode: 400);
        if (Ledger.Fault(command) is { } fault) return Results.Problem(fault, statusCode: 400);
        var fingerprint = SHA256.HashData(body);

        await turn.WaitAsync(cancel);
        try
        {
            return await InTurnAsync(http, key, fingerprint, command);
        }
        finally
        {
            turn.Release();
        }
    }

    private async ValueTask<IResult> InTurnAsync(HttpContext http, string key, byte[] fingerprint, Transfer command)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var transaction = connection.BeginTransaction(deferred: false);
        object? Run(string sql, (string, object?)[] parameters)
        {
            var prepared = Command(sql);
            prepared.Transaction = transaction;
            return Ledger.Scalar(prepared, parameters);
        }

        if (Run(Find, [("@key", key), ("@now", now.ToUnixTimeMilliseconds())]) is byte[] first)
        {
            return first.AsSpan().SequenceEqual(fingerprint)
                ? Created(http, (byte[])Run(Answer, [("@key", key)])!)
                : Results.Problem("The key was used for another request.", statusCode: 422);
        }

        if (await Ledger.TransferAsync(command, now, (sql, parameters) => new(Run(sql, parameters))) is not { } done)
            return Results.Problem("Insufficient funds.", statusCode: 422);
        Run(Enqueue, [("@kind", "transfer.posted"), ("@now", now.ToUnixTimeMilliseconds()),
            ("@payload", JsonSerializer.SerializeToUtf8Bytes(new TransferPosted(done.Id, done.From, done.To, done.Amount), Json))]);
        var answer = JsonSerializer.SerializeToUtf8Bytes(done, Json);
        Run(Remember, [("@key", key),
            ("@fingerprint", fingerprint), ("@expires", now.AddHours(24).ToUnixTimeMilliseconds()), ("@status", 201), ("@body", answer)]);
        transaction.Commit();

        http.Response.Headers.Location = $"/transfers/{done.Id}";
        return Created(http, answer);
    }

    private static IResult Created(HttpContext http, byte[] answer)
    {
        http.Response.StatusCode = 201;
        return Results.Bytes(answer, "application/json; charset=utf-8");
    }

    private SqliteCommand Command(string sql)
    {
        if (commands.TryGetValue(sql, out var command)) return command;
        commands[sql] = command = connection.CreateCommand();
        command.CommandText = sql;
        return command;
    }

    private static async Task<byte[]> ReadAsync(PipeReader reader, CancellationToken cancel)
    {
        while (true)
        {
            var read = await reader.ReadAsync(cancel);
            if (read.IsCompleted)
            {
                var body = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
