using System.Data.Common;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Npgsql;
using Surety.Hosting;
using Surety.Tests.Postgres;

namespace Surety.AspNetCore.Tests;

/// <summary>What the database does to a command's transaction, and what its client is then told.</summary>
/// <param name="Status">The answer's.</param>
/// <param name="Code">The problem's.</param>
/// <param name="Act">Brings it about, on the command's own transaction; the function opens another connection to the same database.</param>
internal sealed record CommandCause(int Status, string Code, Func<UnitOfWork, Func<Task<DbConnection>>, Task> Act);

public sealed class PostgresFailedCommandTests : FailedCommandTests
{
    private static int made;
    private readonly string schema = $"c{Interlocked.Increment(ref made)}";
    private PostgresServer server = null!;

    private static readonly Dictionary<string, CommandCause> Causes = new()
    {
        ["a deferred constraint at commit"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "INSERT INTO child VALUES (1, 404)")),
        ["a deferred constraint at commit that has a problem"] = new(
            409, "seat-taken", (w, _) => ExecuteAsync(w, "INSERT INTO later VALUES (1)")),
        ["an error that was caught"] = new(
            500, "internal-error", async (w, _) => await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(w, "SELECT 1 / 0"))),
        ["division by zero"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "SELECT 1 / 0")),
        ["a unique violation"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "INSERT INTO parent VALUES (1)")),
        ["a unique violation that has a problem"] = new(409, "seat-taken", (w, _) => ExecuteAsync(w, "INSERT INTO seat VALUES (1)")),
        ["a check that has a problem, inside another exception"] = new(422, "no-such-row", async (w, _) =>
        {
            try
            {
                await ExecuteAsync(w, "INSERT INTO seat VALUES (-1)");
            }
            catch (PostgresException e)
            {
                throw new InvalidOperationException("An error occurred while saving the entity changes.", e);
            }
        }),
        ["a missing table"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "SELECT * FROM nothing_here")),
        ["a statement's time limit"] = new(
            503, "dependency-unavailable", (w, _) => ExecuteAsync(w, "SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(30)")),
        ["a lock's time limit"] = new(503, "dependency-unavailable", async (w, another) =>
        {
            await using var other = await another();
            await using var holding = await other.BeginTransactionAsync();
            await ExecuteAsync(other, holding, "SELECT number FROM parent FOR UPDATE");
            await ExecuteAsync(w, "SET LOCAL lock_timeout = '20ms'; SELECT number FROM parent FOR UPDATE");
        }),
        ["a serialization failure"] = new(503, "dependency-unavailable", async (w, another) =>
        {
            await ExecuteAsync(w, "SELECT count(*) FROM seat");
            await ExecuteAsync(
                w, "DO $$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END $$");
        }),
        ["silence for too long"] = new(503, "dependency-unavailable", async (w, another) =>
        {
            await GoSilentAsync(w, another);
            await ExecuteAsync(w, "SELECT 1");
        }),
        ["silence for too long, then nothing but the commit"] = new(503, "dependency-unavailable", GoSilentAsync),
        ["a connection that was ended"] = new(503, "dependency-unavailable", async (w, another) =>
        {
            var pid = await PidAsync(w);
            await using var other = await another();
            await ExecuteAsync(other, null, $"SELECT pg_terminate_backend({pid}, 10000)");
            await ExecuteAsync(w, "SELECT 1");
        }),
        ["a read-only server"] = new(503, "dependency-unavailable", (w, _) =>
            ExecuteAsync(w, "SET LOCAL transaction_read_only = on; INSERT INTO parent VALUES (3)")),
        ["a full disk"] = new(503, "dependency-unavailable", (w, _) =>
            ExecuteAsync(w, "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")),
    };

    private protected override IReadOnlyDictionary<string, CommandCause> All => Causes;

    private protected override async Task PrepareAsync()
    {
        server = await PostgresServer.SharedAsync();
        await server.ExecuteAsync(
            $"""
            CREATE SCHEMA {schema};
            SET search_path = {schema};
            CREATE TABLE effect (number BIGINT);
            CREATE TABLE parent (number BIGINT PRIMARY KEY);
            CREATE TABLE child (number BIGINT, parent BIGINT REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            CREATE TABLE seat (number BIGINT CONSTRAINT one_seat UNIQUE CONSTRAINT seat_exists CHECK (number > 0));
            CREATE TABLE later (number BIGINT CONSTRAINT one_seat_later UNIQUE DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO parent VALUES (1);
            INSERT INTO seat VALUES (1);
            INSERT INTO later VALUES (1)
            """);
    }

    private protected override void Use(SuretyBuilder surety) => surety.UsePostgres(ConnectionString, o => o.Schema = schema);

    private protected override void Map(EdgeOptions edge)
    {
        edge.MapConstraint("one_seat", 409, "seat-taken", "Somebody has this seat.");
        edge.MapConstraint("one_seat_later", 409, "seat-taken", "Somebody has this seat.");
        edge.MapConstraint("seat_exists", 422, "no-such-row", "There is no such seat.");
    }

    private protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private protected override Task CleanAsync() => server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");

    private string ConnectionString => $"{server.ConnectionString};Search Path={schema};Maximum Pool Size=10";

    private static async Task<object> PidAsync(UnitOfWork work)
    {
        await using var ask = work.Connection.CreateCommand();
        (ask.CommandText, ask.Transaction) = ("SELECT pg_backend_pid()", work);
        return (await ask.ExecuteScalarAsync())!;
    }

    private static async Task GoSilentAsync(UnitOfWork work, Func<Task<DbConnection>> another)
    {
        var pid = await PidAsync(work);
        await ExecuteAsync(work, "SET LOCAL idle_in_transaction_session_timeout = '20ms'");
        await using var other = await another();
        await EdgeApp.UntilAsync(async () =>
        {
            await using var ask = other.CreateCommand();
            ask.CommandText = $"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}";
            return (long)(await ask.ExecuteScalarAsync())! == 0;
        }, () => "the server did not lose its patience");
    }
}

public sealed class SqliteFailedCommandTests : FailedCommandTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-failed-").FullName;

    private static readonly Dictionary<string, CommandCause> Causes = new()
    {
        ["a deferred constraint at commit that has a problem"] = new(
            422, "no-such-row", (w, _) => ExecuteAsync(w, "INSERT INTO child VALUES (1, 404)")),
        ["a unique violation"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "INSERT INTO parent VALUES (1)")),
        ["a unique violation that has a problem"] = new(409, "seat-taken", (w, _) => ExecuteAsync(w, "INSERT INTO seat VALUES (1)")),
        ["a check that has a problem, inside another exception"] = new(422, "no-such-row", async (w, _) =>
        {
            try
            {
                await ExecuteAsync(w, "INSERT INTO seat VALUES (-1)");
            }
            catch (SqliteException e)
            {
                throw new InvalidOperationException("An error occurred while saving the entity changes.", e);
            }
        }),
        ["a missing table"] = new(500, "internal-error", (w, _) => ExecuteAsync(w, "SELECT * FROM nothing_here")),
        ["a unit of work held too long"] = new(503, "dependency-unavailable",
            (w, _) =>
                Task.Run(() => ExecuteAsync(w, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"))),
        ["the use of one that was held too long"] = new(503, "dependency-unavailable", async (w, another) =>
        {
            // As soon as somebody else can write, it was taken back.
            await using var other = await another();
            await ExecuteAsync(other, null, "INSERT INTO filling VALUES ('small')");
            await ExecuteAsync(w, "SELECT 1");
        }),
        ["the limit of pages"] = new(503, "dependency-unavailable", async (w, _) =>
        {
            await ExecuteAsync(w, "PRAGMA max_page_count = 1");
            await ExecuteAsync(w, "INSERT INTO filling VALUES (zeroblob(4000000))");
        }),
    };

    private protected override IReadOnlyDictionary<string, CommandCause> All => Causes;

    private protected override string Heal => "PRAGMA max_page_count = 1000000";

    private protected override async Task PrepareAsync()
    {
        await using var connection = await ConnectAsync();
        await ExecuteAsync(connection, null,
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE effect (number INTEGER);
            CREATE TABLE parent (number INTEGER PRIMARY KEY);
            CREATE TABLE child (number INTEGER, parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            CREATE TABLE seat (number INTEGER UNIQUE CONSTRAINT seat_exists CHECK (number > 0));
            CREATE TABLE filling (content BLOB);
            INSERT INTO parent VALUES (1);
            INSERT INTO seat VALUES (1);
            """);
    }

    private protected override void Use(SuretyBuilder surety) =>
        surety.UseSqlite(ConnectionString, o => o.UnitOfWorkTimeout = TimeSpan.FromSeconds(1));

    private protected override void Map(EdgeOptions edge)
    {
        edge.MapConstraint("seat.number", 409, "seat-taken", "Somebody has this seat.");
        edge.MapConstraint("FOREIGN KEY", 422, "no-such-row", "There is no such parent.");
        edge.MapConstraint("seat_exists", 422, "no-such-row", "There is no such seat.");
    }

    private protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection(ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private protected override Task CleanAsync()
    {
        Directory.Delete(folder, recursive: true);
        return Task.CompletedTask;
    }

    private string ConnectionString => $"Data Source={Path.Combine(folder, "failed.db")}";
}

/// <summary>
/// The same table that spends attempts answers commands: 503 for what passes, 500 for what is the endpoint's own, the host's problem for a
/// constraint that has one. Nothing of the command is left, and its answer says so.
/// </summary>
public abstract class FailedCommandTests
{
    private protected abstract Task PrepareAsync();

    private protected abstract void Use(SuretyBuilder surety);

    private protected abstract void Map(EdgeOptions edge);

    private protected abstract Task<DbConnection> ConnectAsync();

    private protected abstract Task CleanAsync();

    private protected abstract IReadOnlyDictionary<string, CommandCause> All { get; }

    /// <summary>What undoes that which outlives a transaction; null nothing.</summary>
    private protected virtual string? Heal => null;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_one_table_says_what_a_command_is_answered(bool withKey)
    {
        var causes = All.ToList();
        var runs = new int[causes.Count];
        using var log = new CapturedLog();
        await WithAppAsync(
            log,
            app => app.MapPost("/try/{number:int}", async (int number, UnitOfWork work) =>
            {
                await ExecuteAsync(work, $"INSERT INTO effect VALUES ({number})");
                if (Interlocked.Increment(ref runs[number]) == 1) await causes[number].Value.Act(work, ConnectAsync);
                return TypedResults.Ok("done");
            }).AcceptIdempotencyKey().AllowAnonymous(),
            async (app, client) =>
            {
                for (var i = 0; i < causes.Count; i++) await TryAsync(app, client, i, causes[i].Key, causes[i].Value, withKey, log);
            });
    }

    /// <summary>It commits by itself, as often as it likes: what fails says nothing of what went before.</summary>
    [Fact]
    public async Task An_endpoint_that_is_no_command_may_have_written_before_it_failed_and_its_answer_says_so()
    {
        var causes = All.ToList();
        using var log = new CapturedLog();
        await WithAppAsync(
            log,
            app => app.MapPost("/try/{number:int}", async (int number, SuretyDatabase database) =>
            {
                await using (var first = await database.BeginAsync())
                {
                    await ExecuteAsync(first, $"INSERT INTO effect VALUES ({number})");
                    await first.CommitAsync();
                }

                await using var second = await database.BeginAsync();
                await causes[number].Value.Act(second, ConnectAsync);
                await second.CommitAsync();
            }).AllowAnonymous(),
            async (app, client) =>
            {
                for (var i = 0; i < causes.Count; i++)
                {
                    var (name, cause, effects) = (causes[i].Key, causes[i].Value, await EffectsAsync());
                    var answer = await client.PostAsync($"/try/{i}", "");
                    answer.Status.ShouldBe(cause.Status, name);
                    answer.ShouldBeProblem(cause.Status, cause.Code, outcome: "unknown");
                    (await EffectsAsync()).ShouldBe(effects + 1, name);
                    await HealAsync(app);
                }
            });
    }

    private async Task WithAppAsync(CapturedLog log, Action<WebApplication> map, Func<WebApplication, HttpClient, Task> act)
    {
        await PrepareAsync();
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Information);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddSurety(Use);
        builder.Services.AddSuretyEdge(options =>
        {
            options.MinConcurrency = options.MaxConcurrency;
            Map(options);
        });
        await using (var app = builder.Build())
        {
            map(app);
            await app.StartAsync();
            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromSeconds(30) };
            await act(app, client);
            await app.StopAsync();
        }

        await CleanAsync();
    }

    private async Task HealAsync(WebApplication app)
    {
        if (Heal is null) return;
        await using var work = await app.Services.GetRequiredService<SuretyDatabase>().BeginAsync();
        await ExecuteAsync(work, Heal);
        await work.CommitAsync();
    }

    private async Task TryAsync(
        WebApplication app, HttpClient client, int number, string name, CommandCause cause, bool withKey, CapturedLog log)
    {
        var isRemembered = withKey && cause.Status < 500;
        var (faults, effects) = (Faults(), await EffectsAsync());
        var headers = withKey ? [("Idempotency-Key", $"once-{number}")] : Array.Empty<(string, string)>();
        var answer = await client.PostAsync($"/try/{number}", "", headers);
        answer.Status.ShouldBe(cause.Status, $"{name}: {answer.Text} {string.Join(Environment.NewLine, log.Lines.TakeLast(3))}");
        answer.ShouldBeProblem(cause.Status, cause.Code, outcome: "none");
        (answer["Retry-After"] is not null).ShouldBe(cause.Status == 503, name);
        (await EffectsAsync()).ShouldBe(effects, name);
        // 500 is a fault of the server's and is logged as one.
        (Faults() - faults).ShouldBe(cause.Status == 500 ? 1 : 0, name);
        await HealAsync(app);

        // A refusal is remembered under its key, as one that the handler says itself; whatever else it was, the key is free.
        var again = await client.PostAsync($"/try/{number}", "", headers);
        if (isRemembered) again.ShouldRepeat(answer);
        else again.ShouldBe(200);
        (await EffectsAsync()).ShouldBe(isRemembered ? effects : effects + 1, name);

        int Faults() =>
            log.Lines.Count(l => l.StartsWith("Error", StringComparison.Ordinal) && l.Contains(" 3002 ", StringComparison.Ordinal));
    }

    private protected static Task ExecuteAsync(UnitOfWork work, string sql) => ExecuteAsync(work.Connection, work.Transaction, sql);

    private protected static async Task ExecuteAsync(DbConnection connection, DbTransaction? transaction, string sql)
    {
        await using var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        await command.ExecuteScalarAsync();
    }

    private async Task<long> EffectsAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM effect";
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
