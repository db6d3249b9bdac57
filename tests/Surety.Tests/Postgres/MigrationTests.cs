using Microsoft.Extensions.Hosting;
using Npgsql;
using Shouldly;
using Surety.Postgres.Connections;
using Surety.Postgres.Hosting;
using Surety.Postgres.Migrations;
using Surety.Postgres.Segments;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Conventions;

namespace Surety.Tests.Postgres;

/// <summary>The way of a schema from nothing to the newest version and back, also when many or a wrong one are about.</summary>
public sealed class MigrationTests : IAsyncLifetime
{
    // Tables as Surety's own, of a product of another name.
    private const string Ledger =
        "CREATE TABLE meta (name text, value text); CREATE TABLE migration (version int, name text, oldest int); "
        + "INSERT INTO meta VALUES ('product', 'ledger')";

    private static int made;

    private readonly string schema = $"m{Interlocked.Increment(ref made)}";
    private PostgresServer server = null!;

    private static int Newest => PostgresMigrations.All[^1].Version;

    public async ValueTask InitializeAsync() => server = await PostgresServer.SharedAsync();

    public async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE");

    /// <summary>
    /// What the migrations come to, so that a change of it is seen and meant. After a meant change, run the tests with SURETY_ACCEPT=1 and
    /// commit the file.
    /// </summary>
    [Fact]
    public async Task The_schema_is_the_one_written_down()
    {
        await ApplyAsync();
        var golden = Path.Combine(Repository.Root, "src", "Surety.Postgres", "schema.sql");
        var now = await DumpAsync();
        if (Environment.GetEnvironmentVariable("SURETY_ACCEPT") == "1") await File.WriteAllTextAsync(golden, now);
        now.ShouldBe(await File.ReadAllTextAsync(golden));
    }

    [Fact]
    public async Task Ten_hosts_that_start_at_once_on_an_empty_database_make_one_schema()
    {
        var hosts = Enumerable.Range(0, 10).Select(_ =>
        {
            var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
            builder.AddSurety(surety => surety.UsePostgres($"{server.ConnectionString};Maximum Pool Size=5", o => o.Schema = schema));
            return builder.Build();
        }).ToList();
        try
        {
            await Task.WhenAll(hosts.Select(h => h.StartAsync())).WaitAsync(TimeSpan.FromSeconds(60));
            (await server.ScalarAsync<string>($"SELECT string_agg(version::text, ' ' ORDER BY version) FROM {schema}.migration")).ShouldBe(
                string.Join(' ', PostgresMigrations.All.Select(m => m.Version)));
            // Workers join once their hosts have started.
            await UntilAsync(async () => await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.node WHERE dead_at IS NULL") == 10);
        }
        finally
        {
            foreach (var host in hosts)
            {
                await host.StopAsync();
                host.Dispose();
            }
        }
    }

    [Fact]
    public async Task Validating_refuses_an_empty_database_says_what_to_run_and_makes_nothing()
    {
        (await RefusalAsync(PostgresMigration.Validate)).ShouldContain($"surety migrate up --store postgres --schema {schema}");
        (await server.ScalarAsync<long>($"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'")).ShouldBe(0);
    }

    [Fact]
    public async Task Validating_refuses_an_older_schema_says_what_to_run_and_touches_nothing()
    {
        await ApplyAsync();
        var before = await DumpAsync();
        var newer = new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition()]);
        var refusal = await Should.ThrowAsync<StoreException>(() => TransactAsync(t => newer.ValidateAsync(t, default)));
        refusal.Message.ShouldContain($"has version {Newest}, and this program needs {Newest + 1}");
        refusal.Message.ShouldContain("surety migrate up");
        (await DumpAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task Validating_takes_a_schema_that_is_up_to_date()
    {
        var id = await ApplyAsync();
        await using var store = Store(PostgresMigration.Validate);
        await store.OpenAsync(default);
        store.StoreId.ShouldBe(id);
    }

    [Theory]
    [InlineData(PostgresMigration.Apply)]
    [InlineData(PostgresMigration.Validate)]
    public async Task A_newer_schema_is_refused_and_not_touched(PostgresMigration migration)
    {
        await TransactAsync(t => new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition()]).ApplyAsync(t, default));
        var before = await DumpAsync();
        (await RefusalAsync(migration)).ShouldContain("Start the newer program");
        (await DumpAsync()).ShouldBe(before);
    }

    [Theory]
    [InlineData(PostgresMigration.Apply)]
    [InlineData(PostgresMigration.Validate)]
    public async Task A_newer_schema_that_older_programs_can_work_with_is_used_and_not_touched(PostgresMigration migration)
    {
        var id = await TransactAsync(
            t => new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition(sinceVersion: Newest)]).ApplyAsync(t, default));
        var before = await DumpAsync();
        await using var store = Store(migration);
        await store.OpenAsync(default);
        store.StoreId.ShouldBe(id);
        (await DumpAsync()).ShouldBe(before);
    }

    [Theory]
    [InlineData(Ledger, "ledger")]
    [InlineData("CREATE TABLE meta (id int)", "unnamed")]
    [InlineData("CREATE VIEW message AS SELECT 1 AS id", "unnamed")]
    public async Task Another_products_schema_is_refused_and_not_touched(string theirs, string name)
    {
        await server.ExecuteAsync($"CREATE SCHEMA {schema}; SET search_path = {schema}; {theirs}");
        var before = await DumpAsync();
        foreach (var migration in Enum.GetValues<PostgresMigration>())
        {
            var refusal = await RefusalAsync(migration);
            refusal.ShouldContain($"belongs to another product ({name})");
            refusal.ShouldContain("PostgresOptions.Schema");
        }

        (await DumpAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task A_schema_that_was_made_for_Surety_is_filled_beside_what_is_in_it()
    {
        await server.ExecuteAsync($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.booking (id int)");
        await ApplyAsync();
        (await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.booking, {schema}.message")).ShouldBe(0);
    }

    [Theory]
    [InlineData("order")]
    [InlineData("user")]
    [InlineData("_")]
    [InlineData("a23456789_123456789_123456789_123456789_123456789_123456789_123")]
    public async Task Any_allowed_name_serves_as_a_schema(string name)
    {
        try
        {
            await using var store = Store(PostgresMigration.Apply, name);
            await store.OpenAsync(default);
            (await EnqueueAndClaimAsync(store)).ShouldBe(1);
        }
        finally
        {
            await server.ExecuteAsync($"DROP SCHEMA \"{name}\" CASCADE");
        }
    }

    [Fact]
    public async Task Two_schemas_in_one_database_know_nothing_of_each_other()
    {
        var other = $"{schema}_other";
        try
        {
            await using var first = Store(PostgresMigration.Apply);
            await using var second = Store(PostgresMigration.Apply, other);
            await Task.WhenAll(first.OpenAsync(default), second.OpenAsync(default));
            first.StoreId.ShouldNotBe(second.StoreId);
            await first.Messages.EnqueueAsync([Message(), Message()], null, default);
            (await EnqueueAndClaimAsync(second)).ShouldBe(1);
            (await first.Messages.ListAsync(new MessageFilter { Status = MessageStatus.Queued }, default)).Items.Count.ShouldBe(2);

            // Nor do they wait for each other: the same keys are taken in both while neither has ended.
            PostgresStore[] both = [first, second];
            var works = new List<OwnedUnitOfWork>();
            foreach (var store in both)
            {
                var work = await store.Database.BeginAsync();
                works.Add(work);
                (await store.Idempotency.TakeAsync(new byte[32], work, default)).State.ShouldBe(KeyState.Taken);
                var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default)).ShouldNotBeNull();
                await store.Messages.EnqueueAsync([Message() with { Queue = "keyed", OrderingKey = "key" }], null, default);
                var head = (await store.Messages.ClaimAsync(node, [new QueueDemand("keyed", 1)], default))
                    .ShouldNotBeNull().ShouldHaveSingleItem();
                (await store.Messages.SettleAsync([head.Done()], work, default).AsTask().WaitAsync(TimeSpan.FromSeconds(30)))
                    .ShouldBe([true]);
            }

            foreach (var work in works) await work.DisposeAsync();
        }
        finally
        {
            await server.ExecuteAsync($"DROP SCHEMA {other} CASCADE");
        }
    }

    [Fact]
    public async Task A_migration_that_is_killed_half_way_leaves_nothing_and_the_next_one_goes_through()
    {
        await server.ExecuteAsync($"CREATE SCHEMA {schema}");
        await using (var connection = await ConnectAsync())
        {
            // The migration waits for this name when half of its tables are made.
            await using var holder = await connection.BeginTransactionAsync();
            await ExecuteAsync(holder, $"CREATE TABLE {schema}.api_key (id int)");
            await using var killed = Store(PostgresMigration.Apply);
            var opening = killed.OpenAsync(default);
            await UntilAsync(async () =>
                await server.ScalarAsync<long>(
                    $"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE "
                        + $"'%\"{schema}\"%'") > 0 || opening.IsCompleted);
            (await Should.ThrowAsync<StoreException>(() => opening)).IsTransient.ShouldBeTrue();
        }

        (await server.ScalarAsync<long>($"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace")).ShouldBe(0);
        await using var next = Store(PostgresMigration.Apply);
        await next.OpenAsync(default);
        (await EnqueueAndClaimAsync(next)).ShouldBe(1);
    }

    [Fact]
    public async Task A_change_that_would_have_to_wait_for_a_long_transaction_gives_up_instead_of_stopping_everybody()
    {
        await ApplyAsync();
        var before = await DumpAsync();
        await using (var connection = await ConnectAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await ExecuteAsync(transaction, $"INSERT INTO {schema}.queue (name) VALUES ('work')");
            var change = new Migration(Newest + 1, "change", "ALTER TABLE $schema$.queue ADD COLUMN more int;", "");
            var failure = await Should.ThrowAsync<StoreException>(
                () => TransactAsync(t => new PostgresMigrations(schema, [.. PostgresMigrations.All, change]).ApplyAsync(t, default)));
            failure.IsTransient.ShouldBeTrue();
        }

        (await DumpAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task A_node_that_needs_nothing_starts_while_another_one_migrates()
    {
        await ApplyAsync();
        await using var connection = await ConnectAsync();
        await using var migrating = await connection.BeginTransactionAsync();
        await new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition(sinceVersion: Newest)]).ApplyAsync(migrating, default);
        await using var store = Store(PostgresMigration.Apply);
        await store.OpenAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Every_migration_can_be_taken_back_and_leaves_exactly_what_was_before()
    {
        await server.ExecuteAsync($"CREATE SCHEMA {schema}");
        var all = new List<Migration>([.. PostgresMigrations.All, Addition()]);
        var dumps = new List<(int Version, string Dump)> { (0, await DumpAsync()) };
        foreach (var migration in all)
        {
            var upTo = new PostgresMigrations(schema, [.. all.TakeWhile(m => m.Version <= migration.Version)]);
            await TransactAsync(t => upTo.ApplyAsync(t, default));
            dumps.Add((migration.Version, await DumpAsync()));
        }

        foreach (var (version, dump) in dumps.SkipLast(1).Reverse())
        {
            await TransactAsync(t => Done(new PostgresMigrations(schema, all).RevertAsync(t, version, default)));
            (await DumpAsync()).ShouldBe(dump, $"version {version}");
        }

        await TransactAsync(t => new PostgresMigrations(schema, all).ApplyAsync(t, default));
        (await DumpAsync()).ShouldBe(dumps[^1].Dump, "up again");
    }

    [Theory]
    [InlineData(PostgresMigration.Apply)]
    [InlineData(PostgresMigration.Validate)]
    public async Task A_schema_of_before_the_baseline_is_refused_and_not_touched(PostgresMigration migration)
    {
        await ApplyAsync();
        await server.ExecuteAsync(
            $"""
            UPDATE {schema}.migration SET name = 'initial';
            INSERT INTO {schema}.migration (version, name, oldest)
            SELECT n, 'older', n FROM generate_series({Newest + 1}, {Newest + 11}) AS n
            """);
        var before = await DumpAsync();
        var refusal = await RefusalAsync(migration);
        refusal.ShouldContain("before Surety's first release");
        refusal.ShouldContain("PostgresOptions.Schema");
        (await DumpAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task Functions_that_are_not_this_programs_are_made_anew_and_a_later_programs_are_left()
    {
        await ApplyAsync();
        await MakeAnotherAsync("another", 7);

        // A host that may change nothing works on what there is.
        await using (var validating = Store(PostgresMigration.Validate)) await validating.OpenAsync(default);
        (await DoneAsync()).ShouldBe(7);
        await TransactAsync(
            t => new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition(sinceVersion: Newest)]).ApplyAsync(t, default));
        (await DoneAsync()).ShouldBe(0);

        await MakeAnotherAsync("later", 8);
        await ApplyAsync();
        (await DoneAsync()).ShouldBe(8);
        await server.ExecuteAsync($"DELETE FROM {schema}.migration WHERE version > {Newest}");
        await ApplyAsync();
        (await DoneAsync()).ShouldBe(0);
        (await server.ScalarAsync<string>($"SELECT value FROM {schema}.meta WHERE name = 'functions'")).ShouldBe(SchemaFunctions.Digest);

        Task<long> DoneAsync() => server.ScalarAsync<long>($"SELECT {schema}.segment_done(0::smallint)");

        Task MakeAnotherAsync(string digest, int answer) => server.ExecuteAsync(
            $"""
            UPDATE {schema}.meta SET value = '{digest}' WHERE name = 'functions';
            CREATE OR REPLACE FUNCTION {schema}.segment_done(p_segment smallint) RETURNS bigint LANGUAGE sql STABLE
            AS 'SELECT {answer}::bigint'
            """);
    }

    /// <summary>A dump holds its locks for as long as it takes; a deployment of another program is not to wait for it.</summary>
    [Fact]
    public async Task Functions_are_made_anew_while_a_dump_reads_everything()
    {
        await ApplyAsync();
        await server.ExecuteAsync($"UPDATE {schema}.meta SET value = 'another' WHERE name = 'functions'");
        await using var dump = new NpgsqlConnection(server.ConnectionString);
        await dump.OpenAsync();
        await using var transaction = await dump.BeginTransactionAsync();
        await using (var read = dump.CreateCommand())
        {
            read.CommandText =
                $"""
                DO $$ DECLARE name text; BEGIN
                    FOR name IN SELECT c.oid::regclass FROM pg_class c
                        WHERE c.relnamespace = '{schema}'::regnamespace AND c.relkind IN ('r', 'p', 'v') LOOP
                        EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS SHARE MODE';
                    END LOOP;
                END $$
                """;
            await read.ExecuteNonQueryAsync();
        }

        await ApplyAsync().WaitAsync(TimeSpan.FromSeconds(30));
        (await server.ScalarAsync<string>($"SELECT value FROM {schema}.meta WHERE name = 'functions'")).ShouldBe(SchemaFunctions.Digest);
    }

    [Fact]
    public void What_stands_between_its_two_lines_is_there_for_every_segment()
    {
        SchemaFunctions.Expanded("a\n  -- for each segment\n  x_{segment};\n  -- end\nb").ShouldBe(
            "a\n  x_0;\n  x_1;\n  x_2;\n  x_3;\nb\n");
        Should.Throw<FormatException>(() => SchemaFunctions.Expanded("-- for each segment\nx"));
        SchemaFunctions.Text.ShouldNotContain("{segment}");
    }

    [Fact]
    public async Task A_schema_is_not_taken_back_by_a_program_that_does_not_know_it_nor_to_a_version_it_never_had()
    {
        await TransactAsync(
            t => new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition(sinceVersion: Newest)]).ApplyAsync(t, default));
        (await Should.ThrowAsync<StoreException>(() => RevertAsync(0))).Message.ShouldContain("Start the newer program");
        var newer = new PostgresMigrations(schema, [.. PostgresMigrations.All, Addition()]);
        (await Should.ThrowAsync<StoreException>(
            () => TransactAsync(t => Done(newer.RevertAsync(t, Newest + 2, default))))).Message.ShouldContain($"not to {Newest + 2}");
    }

    [Fact]
    public async Task The_script_for_people_does_what_the_host_does()
    {
        await ApplyAsync();
        var applied = await DumpAsync();
        await RevertAsync(0);
        var empty = await DumpAsync();
        await server.ExecuteAsync($"DROP SCHEMA {schema}");

        var migrations = new PostgresMigrations(schema);
        await server.ExecuteAsync(migrations.Script(0, Newest));
        (await DumpAsync()).ShouldBe(applied);
        await using (var store = Store(PostgresMigration.Validate)) await store.OpenAsync(default);

        await Should.ThrowAsync<PostgresException>(() => server.ExecuteAsync(migrations.Script(0, Newest)));
        (await DumpAsync()).ShouldBe(applied);

        await server.ExecuteAsync(migrations.Script(Newest, 0));
        (await DumpAsync()).ShouldBe(empty);
        await Should.ThrowAsync<PostgresException>(() => server.ExecuteAsync(migrations.Script(Newest, 0)));
    }

    /// <summary>A change of a later program.</summary>
    /// <param name="sinceVersion">The oldest program that can work with it; null: only those that know it.</param>
    internal static Migration Addition(int? sinceVersion = null) => new(
        Newest + 1, "addition",
            $"{(sinceVersion is { } since ? $"-- Programs that know version {since} can work with it.\n" : "")}CREATE TABLE "
                + $"$schema$.addition (id int);", "DROP TABLE $schema$.addition;");

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };

    private static async Task<int> EnqueueAndClaimAsync(PostgresStore store)
    {
        var node = (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default)).ShouldNotBeNull();
        await store.Messages.EnqueueAsync([Message()], null, default);
        return (await store.Messages.ClaimAsync(node, [new QueueDemand("work", 10)], default)).ShouldNotBeNull().Count;
    }

    private static async Task<bool> Done(Task work)
    {
        await work;
        return true;
    }

    private PostgresStore Store(PostgresMigration migration, string? name = null) =>
        new($"{server.ConnectionString};Maximum Pool Size=5", TimeProvider.System, new PostgresOptions
        {
            Schema = name ?? schema, Migration = migration,
        });

    private async Task<string> RefusalAsync(PostgresMigration migration)
    {
        await using var store = Store(migration);
        return (await Should.ThrowAsync<StoreException>(() => store.OpenAsync(default))).Message;
    }

    private Task<string> ApplyAsync() => TransactAsync(t => new PostgresMigrations(schema).ApplyAsync(t, default));

    private Task RevertAsync(int version) => TransactAsync(t => Done(new PostgresMigrations(schema).RevertAsync(t, version, default)));

    private async Task<T> TransactAsync<T>(Func<NpgsqlTransaction, Task<T>> work)
    {
        await using var connections = new PostgresConnections($"{server.ConnectionString};Maximum Pool Size=2");
        return await new PostgresSession(connections).TransactAsync(work, default);
    }

    private async Task<NpgsqlConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ExecuteAsync(NpgsqlTransaction transaction, string sql)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<string> DumpAsync() => SchemaDump.Normalized(await server.DumpAsync(schema), schema);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Delay(10);
        }
    }
}
