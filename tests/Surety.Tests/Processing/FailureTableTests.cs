using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Surety.Coordination;
using Surety.Hosting;
using Surety.Postgres;
using Surety.Tests.Postgres;

namespace Surety.Tests.Processing;

/// <summary>How a handler comes to the database.</summary>
public enum Shape
{
    /// <summary>It is given a unit of work.</summary>
    Transactional,

    /// <summary>The same, with another message in its batch.</summary>
    TransactionalBatch,

    /// <summary>It begins a unit of work of its own.</summary>
    Plain,

    /// <summary>The same, one for its whole batch.</summary>
    PlainBatch,

    /// <summary>It has a connection of its own, and wraps what that throws, as EF Core does.</summary>
    OwnConnection,
}

/// <summary>One way a database fails a handler: brought about on the handler's transaction, by the database itself.</summary>
/// <param name="Kind">What the table says of it; null that it does not fail at all.</param>
/// <param name="Act">Brings it about.</param>
/// <param name="Heal">Afterwards; null nothing.</param>
internal sealed record Cause(FailureKind? Kind, Func<Scene, Task> Act, Func<Scene, Task>? Heal = null)
{
    /// <summary>Handlers to whom it cannot happen, or not so.</summary>
    public Shape[] Not { get; init; } = [];
}

/// <summary>A handler's transaction, and another connection to the same database.</summary>
internal sealed class Scene(DbConnection connection, DbTransaction transaction, Func<Task<DbConnection>> another)
{
    public DbConnection Connection => connection;

    public Task<DbConnection> AnotherAsync() => another();

    public Task ExecuteAsync(string sql) => ExecuteAsync(connection, sql, transaction);

    public static async Task<object?> ExecuteAsync(DbConnection connection, string sql, DbTransaction? transaction = null)
    {
        await using var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        return await command.ExecuteScalarAsync();
    }
}

public sealed class PostgresFailureTableTests() : FailureTableTests(PostgresPlace.OpenAsync)
{
    private static readonly Dictionary<string, Cause> Causes = new()
    {
        // Mistakes.
        ["a deferred constraint at commit"] = new(FailureKind.Mistake, s => s.ExecuteAsync("INSERT INTO child VALUES (1, 404)")),
        // The library's own transaction commits as if nothing were wrong, though the server rolls back.
        ["an error that was caught"] = new(FailureKind.Mistake, async s =>
            await Should.ThrowAsync<PostgresException>(() => s.ExecuteAsync("SELECT 1 / 0"))) { Not = [Shape.OwnConnection] },
        ["division by zero"] = new(FailureKind.Mistake, s => s.ExecuteAsync("SELECT 1 / 0")),
        ["a unique violation"] = new(FailureKind.Mistake, s => s.ExecuteAsync("INSERT INTO parent VALUES (1)")),
        ["a missing table"] = new(FailureKind.Mistake, s => s.ExecuteAsync("SELECT * FROM nothing_here")),
        // Lost races.
        ["a statement's time limit"] = new(
            FailureKind.LostRace, s => s.ExecuteAsync("SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(30)")),
        ["a lock's time limit"] = new(FailureKind.LostRace, async s =>
        {
            await using var other = await s.AnotherAsync();
            await using var holding = await other.BeginTransactionAsync();
            await Scene.ExecuteAsync(other, "SELECT number FROM parent WHERE number = 1 FOR UPDATE", holding);
            await s.ExecuteAsync("SET LOCAL lock_timeout = '20ms'; SELECT number FROM parent WHERE number = 1 FOR UPDATE");
        }),
        ["a deadlock"] = new(FailureKind.LostRace, async s =>
        {
            await using var other = await s.AnotherAsync();
            await using var holding = await other.BeginTransactionAsync();
            // Whoever waits longer than this looks for the deadlock and is its victim.
            await Scene.ExecuteAsync(
                other, "SET LOCAL deadlock_timeout = '1min'; SELECT number FROM parent WHERE number = 2 FOR UPDATE", holding);
            await s.ExecuteAsync("SET LOCAL deadlock_timeout = '10ms'; SELECT number FROM parent WHERE number = 1 FOR UPDATE");
            var pid = await Scene.ExecuteAsync(other, "SELECT pg_backend_pid()", holding);
            var crossed = Scene.ExecuteAsync(other, "SELECT number FROM parent WHERE number = 1 FOR UPDATE", holding);
            // Looked for before it is there, a deadlock is not found, and nobody looks again.
            await using var watching = await s.AnotherAsync();
            await WorkingHost.UntilAsync(
                async () => (long)(await Scene.ExecuteAsync(
                watching, $"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted"))! > 0, () => "the other one does not wait");
            try
            {
                await s.ExecuteAsync("SELECT number FROM parent WHERE number = 2 FOR UPDATE");
            }
            finally
            {
                await crossed;
            }
        }),
        ["a serialization failure"] = new(FailureKind.LostRace, async s =>
        {
            await s.ExecuteAsync("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM race");
            await using (var other = await s.AnotherAsync()) await Scene.ExecuteAsync(other, "UPDATE race SET version = version + 1");
            await s.ExecuteAsync("UPDATE race SET version = version + 1");
        }),
        ["silence for too long"] = new(FailureKind.LostRace, async s =>
        {
            await GoSilentAsync(s);
            await s.ExecuteAsync("SELECT 1");
        }),
        ["silence for too long, then nothing but the commit"] = new(FailureKind.LostRace, GoSilentAsync),
        // Away or full.
        ["a connection that was ended"] = new(FailureKind.Unavailable, async s =>
        {
            await EndConnectionAsync(s);
            await s.ExecuteAsync("SELECT 1");
        }),
        // Then the library only says that the connection is not open. Whose connection that was is known of a unit of work that the handler
        // was given.
        ["a connection that was ended, and an error that was caught"] = new(FailureKind.Unavailable, async s =>
        {
            await EndConnectionAsync(s);
            await Should.ThrowAsync<DbException>(() => s.ExecuteAsync("SELECT 1"));
            await s.ExecuteAsync("SELECT 1");
        }) { Not = [Shape.Plain, Shape.PlainBatch, Shape.OwnConnection] },
        ["a read-only server"] = new(
            FailureKind.Unavailable, s => s.ExecuteAsync("SET LOCAL transaction_read_only = on; INSERT INTO parent VALUES (3)")),
        ["no more room for temporary files"] = new(FailureKind.Unavailable,
            s => s.ExecuteAsync(
                "SET LOCAL temp_file_limit = '64kB'; SET LOCAL work_mem = '64kB'; SELECT count(*) FROM (SELECT n FROM generate_series(1, "
                    + "100000) n ORDER BY -n) sorted")),
        // No test fills a disk: this is what the server says then.
        ["a full disk"] = new(FailureKind.Unavailable, s => s.ExecuteAsync(
            "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$")),
    };

    private protected override IReadOnlyDictionary<string, Cause> All => Causes;

    protected override async Task<DbConnection> ConnectAsync(Place place)
    {
        var connection = new NpgsqlConnection(((PostgresPlace)place).ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    protected override string Tables =>
        """
        CREATE TABLE parent (number BIGINT PRIMARY KEY);
        CREATE TABLE child (number BIGINT, parent BIGINT REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE race (version BIGINT);
        INSERT INTO parent VALUES (1), (2);
        INSERT INTO race VALUES (1)
        """;

    [Theory]
    [InlineData("08006", FailureKind.Unavailable)]
    [InlineData("53100", FailureKind.Unavailable)]
    [InlineData("57P01", FailureKind.Unavailable)]
    [InlineData("57P03", FailureKind.Unavailable)]
    [InlineData("25006", FailureKind.Unavailable)]
    [InlineData("58030", FailureKind.Unavailable)]
    [InlineData("40001", FailureKind.LostRace)]
    [InlineData("40P01", FailureKind.LostRace)]
    [InlineData("55P03", FailureKind.LostRace)]
    [InlineData("57014", FailureKind.LostRace)]
    [InlineData("25P03", FailureKind.LostRace)]
    [InlineData("25P04", FailureKind.LostRace)]
    [InlineData("22012", FailureKind.Mistake)]
    [InlineData("23505", FailureKind.Mistake)]
    [InlineData("25P02", FailureKind.Mistake)]
    [InlineData("42P01", FailureKind.Mistake)]
    [InlineData("XX000", FailureKind.Mistake)]
    [InlineData("", FailureKind.Mistake)]
    public void A_code_is_of_one_kind(string sqlState, FailureKind kind) => Errors.KindOf(sqlState).ShouldBe(kind);

    private static async Task<object> PidAsync(Scene s)
    {
        await using var ask = s.Connection.CreateCommand();
        ask.CommandText = "SELECT pg_backend_pid()";
        return (await ask.ExecuteScalarAsync())!;
    }

    private static async Task EndConnectionAsync(Scene s)
    {
        var pid = await PidAsync(s);
        await using var other = await s.AnotherAsync();
        (await Scene.ExecuteAsync(other, $"SELECT pg_terminate_backend({pid}, 10000)")).ShouldBe(true);
    }

    private static async Task GoSilentAsync(Scene s)
    {
        var pid = await PidAsync(s);
        await s.ExecuteAsync("SET LOCAL idle_in_transaction_session_timeout = '20ms'");
        await using var other = await s.AnotherAsync();
        await WorkingHost.UntilAsync(
            async () => (long)(await Scene.ExecuteAsync(other, $"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"))! == 0, () =>
            "the server did not lose its patience");
    }
}

public sealed class SqliteFailureTableTests() : FailureTableTests(SqlitePlace.OpenAsync)
{
    private const string Big = "INSERT INTO filling VALUES (zeroblob(4000000))";

    private static readonly Dictionary<string, Cause> Causes = new()
    {
        ["a deferred constraint at commit"] = new(FailureKind.Mistake, s => s.ExecuteAsync("INSERT INTO child VALUES (1, 404)")),
        ["a unique violation"] = new(FailureKind.Mistake, s => s.ExecuteAsync("INSERT INTO parent VALUES (1)")),
        ["a check"] = new(FailureKind.Mistake, s => s.ExecuteAsync("INSERT INTO race VALUES (-1)")),
        ["a missing table"] = new(FailureKind.Mistake, s => s.ExecuteAsync("SELECT * FROM nothing_here")),
        // SQLite undoes the statement alone, so there is nothing wrong with what the transaction then commits.
        ["an error that was caught"] = new(
            null, async s => await Should.ThrowAsync<SqliteException>(() => s.ExecuteAsync("INSERT INTO parent VALUES (1)"))),
        ["the limit of pages"] = new(FailureKind.Unavailable, async s =>
        {
            await s.ExecuteAsync("PRAGMA max_page_count = 1");
            await s.ExecuteAsync(Big);
        }, s => s.ExecuteAsync("PRAGMA max_page_count = 1000000")),
        ["a unit of work that was held too long"] = new(FailureKind.LostRace, Endless) { Not = [Shape.OwnConnection] },
        ["a lock that another connection keeps"] = new(FailureKind.LostRace, async s =>
        {
            // The handler's transaction has the lock; another connection of its own does not get it.
            await s.ExecuteAsync("INSERT INTO parent VALUES (7)");
            await using var other = (SqliteConnection)await s.AnotherAsync();
            await using var command = other.CreateCommand();
            (command.CommandText, command.CommandTimeout) = ("INSERT INTO parent VALUES (8)", 1);
            await command.ExecuteNonQueryAsync();
        }) { Not = [Shape.Transactional, Shape.TransactionalBatch, Shape.Plain, Shape.PlainBatch] },
    };

    private protected override IReadOnlyDictionary<string, Cause> All => Causes;

    [Fact]
    public async Task A_write_on_a_connection_that_only_reads_is_a_mistake_and_spends_the_attempt()
    {
        var pings = new Script<Ping>();
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Fixed(2, TimeSpan.Zero)), services: services =>
                services.AddSingleton(pings));
        await host.ExecuteAsync(Tables);
        pings.Act = async (d, _, cancel) =>
        {
            await using var reading = await host.Database.OpenReadAsync(cancel);
            await Scene.ExecuteAsync(reading, "INSERT INTO parent VALUES (9)");
            return Outcome.Done;
        };
        var info = await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Dead);
        info.Attempts.Select(a => a.Outcome).ShouldBe([AttemptOutcome.Retry, AttemptOutcome.Reject]);
    }

    protected override async Task<DbConnection> ConnectAsync(Place place)
    {
        var connection = new SqliteConnection($"Data Source={((SqlitePlace)place).Path};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    protected override string Tables =>
        """
        CREATE TABLE parent (number INTEGER PRIMARY KEY);
        CREATE TABLE child (number INTEGER, parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE race (version INTEGER CONSTRAINT not_negative CHECK (version >= 0));
        CREATE TABLE filling (content BLOB);
        INSERT INTO parent VALUES (1), (2);
        """;

    private static Task Endless(Scene s) =>
        Task.Run(() => s.ExecuteAsync("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"));
}

/// <summary>
/// One table says whose fault an error of the database is, and so whether an attempt is spent. A message meets each row of it at its first
/// claim, on its own and with another one in its batch, and goes well afterwards; the other one goes well from the start.
/// </summary>
public abstract class FailureTableTests(Func<Task<Place>> open)
{
    private static readonly OutageLimits Impatient = new(
        TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(50), 10, TimeSpan.FromMilliseconds(50));

    /// <summary>Tables that every cause finds.</summary>
    protected abstract string Tables { get; }

    /// <summary>By what they are called.</summary>
    private protected abstract IReadOnlyDictionary<string, Cause> All { get; }

    /// <summary>A connection of the test's, past the host.</summary>
    protected abstract Task<DbConnection> ConnectAsync(Place place);

    [Theory]
    [InlineData(Shape.Transactional)]
    [InlineData(Shape.TransactionalBatch)]
    [InlineData(Shape.Plain)]
    [InlineData(Shape.PlainBatch)]
    [InlineData(Shape.OwnConnection)]
    public async Task The_one_table_says_whether_an_attempt_is_spent(Shape shape)
    {
        await using var place = await open();
        var causes = All.Where(c => !c.Value.Not.Contains(shape)).ToList();
        var firsts = new ConcurrentDictionary<int, long>();
        WorkingHost? started = null;
        var pings = new Script<Ping>
        {
            Act = async (d, work, cancel) =>
            {
                if (d.Message.Number < 0) return Outcome.Done;
                if (work is not null) await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({d.Message.Number})");
                // A batch that failed is run apart under the same claim, and meets the cause again.
                if (firsts.GetOrAdd(d.Message.Number, d.ClaimNumber) != d.ClaimNumber) return Outcome.Done;
                await MeetAsync(causes[d.Message.Number].Value, shape, work, started!, place, cancel);
                return Outcome.Done;
            },
        };
        await using var host = started = await WorkingHost.StartAsync(
            s => Add(s, shape).Queue("test", q => q.Retry = Retry.Fixed(3, TimeSpan.Zero)), new Patient(place),
                services => services.AddSingleton(pings).AddSingleton(Impatient));
        await host.ExecuteAsync($"CREATE TABLE effect (number INTEGER);{Tables}");
        for (var i = 0; i < causes.Count; i++)
        {
            var (name, cause) = causes[i];
            var ids = await host.Queue.EnqueueAsync(
                [.. new[] { i, -1 }.Select(n => new Envelope(new Ping(n), new EnqueueOptions
                {
                    Tracked = true, OrderingKey = shape is Shape.Transactional or Shape.Plain ? name : null,
                }))]);
            if (cause.Heal is { } heal && shape != Shape.OwnConnection)
            {
                await WorkingHost.UntilAsync(
                    async () => (await host.Messages.FindAsync(ids[0].Id))!.Attempts.Count > 0, () => $"{name}: it did not fail");
                await using var work = await host.Database.BeginAsync();
                await heal(new Scene(work.Connection, work.Transaction, () => ConnectAsync(place)));
                await work.CommitAsync();
            }

            var info = await host.UntilAsync(ids[0].Id, MessageStatus.Succeeded);
            var history = $"{name}, {shape}: {string.Join("; ", info.Attempts.Select(a => $"{a.Outcome} {a.Error?.Split('\n')[0]}"))}";
            var spent = cause.Kind is FailureKind.Mistake or FailureKind.LostRace;
            info.Attempt.ShouldBe(spent ? 2 : 1, history);
            if (cause.Kind is null) info.Attempts.Count.ShouldBe(1, history);
            else info.Attempts[0].Outcome.ShouldBe(spent ? AttemptOutcome.Retry : AttemptOutcome.Snooze, history);
            // The follower of its key, or its neighbour in the batch.
            (await host.UntilAsync(ids[1].Id, MessageStatus.Succeeded)).Attempt.ShouldBe(1, history);
        }

        if (shape is Shape.Transactional or Shape.TransactionalBatch)
            (await host.ScalarAsync("SELECT count(*) - count(DISTINCT number) FROM effect")).ShouldBe(0);
    }

    [Fact]
    public async Task The_queues_rules_are_asked_of_what_the_commit_failed_of()
    {
        var pings = new Script<Ping>
        {
            Act = async (_, work, _) => await DoneAfterAsync(() => WorkingHost.ExecuteAsync(work!, "INSERT INTO child VALUES (1, 404)")),
        };
        await using var place = await open();
        await using var host = await WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Queue("default",
                q => q.Retry = Retry.Fixed(5, TimeSpan.Zero).RejectOn<DbException>()), place, services => services.AddSingleton(pings));
        await host.ExecuteAsync(Tables);
        // Of one ordering key: the one behind it is let through when it is given up.
        var options = new EnqueueOptions { Tracked = true, OrderingKey = "one" };
        var id = (await host.Queue.EnqueueAsync(new Ping(1), options)).Id;
        (await host.UntilAsync(id, MessageStatus.Dead)).Attempts.ShouldHaveSingleItem().Outcome.ShouldBe(AttemptOutcome.Reject);
        pings.Act = (_, _, _) => Task.FromResult(Outcome.Done);
        await host.UntilAsync((await host.Queue.EnqueueAsync(new Ping(2), options)).Id, MessageStatus.Succeeded);
    }

    [Fact]
    public async Task What_a_handler_says_itself_counts_whatever_is_inside()
    {
        var pings = new Script<Ping>
        {
            Act = (d, _, _) => d.Message.Number == 1
                ? throw new RetryException("not yet", TimeSpan.Zero, new StoreException("away", FailureKind.Unavailable))
                : throw new RejectException("never", new StoreException("away", FailureKind.Unavailable)),
        };
        await using var place = await open();
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Fixed(2, TimeSpan.Zero)), place,
                services => services.AddSingleton(pings));
        var asked = await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Dead);
        asked.Attempts.Select(a => a.Outcome).ShouldBe([AttemptOutcome.Retry, AttemptOutcome.Reject]);
        (await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(2), new EnqueueOptions { Tracked = true })).Id,
            MessageStatus.Dead)).Attempts.ShouldHaveSingleItem();
    }

    /// <summary>Nobody but the message breaks its connections: the others of its queue go well.</summary>
    [Fact]
    public async Task A_message_that_the_database_fails_while_others_of_its_queue_succeed_is_spent_in_the_end()
    {
        var (log, failed) = (new CapturedEvents(), 0);
        var pings = new Script<Ping>();
        await using var place = await open();
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => q.Retry = Retry.Fixed(2, TimeSpan.Zero))
                .Configure(o => o.NodeLease = TimeSpan.FromSeconds(1)), place,
            services =>
            {
                log.AddTo(services);
                services.AddSingleton(pings).AddSingleton(Impatient with { Quiet = TimeSpan.FromMinutes(10) });
            });
        var innocent = 1;
        pings.Act = async (d, _, cancel) =>
        {
            if (d.Message.Number != 0) return Outcome.Done;
            Interlocked.Increment(ref failed);
            // Its neighbour first, so that between any two of its failures another has gone well.
            await host.UntilGoneAsync((await host.Queue.EnqueueAsync(new Ping(Interlocked.Increment(ref innocent)), cancel)).Id);
            throw new StoreException("this statement breaks its connection", FailureKind.Unavailable);
        };
        var info = await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(0), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Dead);
        failed.ShouldBe(11);
        info.Attempt.ShouldBe(2);
        log.Count(CapturedEvents.Away).ShouldBe(1);
        host.Get<SuretyHealth>().Degraded.ShouldHaveSingleItem().ShouldContain("away since");
    }

    [Fact]
    public async Task While_nobody_succeeds_nothing_is_spent_and_the_log_and_the_health_say_so_once()
    {
        const int messages = 5, failures = 15;
        var log = new CapturedEvents();
        var seen = new ConcurrentDictionary<int, int>();
        var pings = new Script<Ping>
        {
            Act = (d, _, _) => seen.AddOrUpdate(d.Message.Number, 1, (_, n) => n + 1) <= failures
                ? throw new StoreException("away", FailureKind.Unavailable) : Task.FromResult(Outcome.Done),
        };
        await using var place = await open();
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>()
                .Queue("default", q => q.Retry = Retry.Never).Configure(o => o.NodeLease = TimeSpan.FromSeconds(1)), place,
            services =>
            {
                log.AddTo(services);
                // Longer than the test: what succeeds between two failures of others would otherwise be the end of one outage and the
                // beginning of the next.
                services.AddSingleton(pings).AddSingleton(Impatient with { Quiet = TimeSpan.FromSeconds(1) });
            });
        var health = host.Get<SuretyHealth>();
        var ids = await host.Queue.EnqueueAsync([.. Enumerable.Range(0, messages).Select(i => new Envelope(new Ping(i), new EnqueueOptions
        {
            Tracked = true,
        }))]);
        await WorkingHost.UntilAsync(() => Task.FromResult(health.Degraded.Any(d => d.Contains("away since", StringComparison.Ordinal))));
        health.Problems.ShouldBeEmpty();
        foreach (var id in ids)
        {
            var info = await host.UntilAsync(id.Id, MessageStatus.Succeeded);
            (info.Attempt, info.Attempts.Count).ShouldBe((1, failures + 1));
        }

        await WorkingHost.UntilAsync(() => Task.FromResult(health.Degraded.Count == 0), () => "it is still away");
        (log.Count(CapturedEvents.Away), log.Count(CapturedEvents.Back)).ShouldBe((1, 1));
        log.Count(CapturedEvents.AttemptFailed).ShouldBe(0);
    }

    private async Task MeetAsync(Cause cause, Shape shape, UnitOfWork? work, WorkingHost host, Place place, CancellationToken cancel)
    {
        if (work is not null)
        {
            await cause.Act(new Scene(work.Connection, work.Transaction, () => ConnectAsync(place)));
            return;
        }

        if (shape == Shape.OwnConnection)
        {
            await WithOwnConnectionAsync(place, cause);
            return;
        }

        await using var own = await host.Database.BeginAsync(cancel);
        await cause.Act(new Scene(own.Connection, own.Transaction, () => ConnectAsync(place)));
        await own.CommitAsync();
    }

    private async Task WithOwnConnectionAsync(Place place, Cause cause)
    {
        try
        {
            await using var connection = await ConnectAsync(place);
            await using var transaction = await connection.BeginTransactionAsync();
            await cause.Act(new Scene(connection, transaction, () => ConnectAsync(place)));
            await transaction.CommitAsync();
        }
        catch (DbException e)
        {
            throw new InvalidOperationException(
                "An error occurred while saving the entity changes. See the inner exception for details.", e);
        }
    }

    private static SuretyBuilder Add(SuretyBuilder surety, Shape shape) => shape switch
    {
        Shape.Transactional => surety.HandleInTransaction<Ping, InTransaction<Ping>>("test"),
        Shape.TransactionalBatch => surety.HandleBatchInTransaction<Ping, BatchInTransaction<Ping>>(2, TimeSpan.FromSeconds(1), "test"),
        Shape.PlainBatch => surety.HandleBatch<Ping, PlainBatch<Ping>>(2, TimeSpan.FromSeconds(1), "test"),
        _ => surety.Handle<Ping, Plain<Ping>>("test"),
    };

    private static async Task<Outcome> DoneAfterAsync(Func<Task> work)
    {
        await work();
        return Outcome.Done;
    }

    /// <summary>The place, with little patience for units of work where that is an option.</summary>
    private sealed class Patient(Place place) : Place
    {
        public override void Use(SuretyBuilder surety)
        {
            if (place is SqlitePlace file)
                surety.UseSqlite($"Data Source={file.Path}", o => o.UnitOfWorkTimeout = TimeSpan.FromSeconds(0.5));
            else place.Use(surety);
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

public sealed class PlainBatch<T>(Script<T> script) : IBatchHandler<T>
{
    public async Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<T>> deliveries, CancellationToken cancellationToken)
    {
        var outcomes = new List<Outcome>();
        foreach (var delivery in deliveries) outcomes.Add(await script.RunAsync(delivery, null, cancellationToken));
        return outcomes;
    }
}

public sealed class BatchInTransaction<T>(Script<T> script) : ITransactionalBatchHandler<T>
{
    public async Task<IReadOnlyList<Outcome>> HandleAsync(
        IReadOnlyList<Delivery<T>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
    {
        var outcomes = new List<Outcome>();
        foreach (var delivery in deliveries) outcomes.Add(await script.RunAsync(delivery, work, cancellationToken));
        return outcomes;
    }
}
