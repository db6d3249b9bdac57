using System.Text;
using Shouldly;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Migrations;
using Surety.StoreContract;
using Surety.Tests.Conventions;

namespace Surety.Tests.Sqlite;

public sealed class SchemaTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    /// <summary>
    /// What the migrations come to, so that a change of it is seen and meant. After a meant change, run the tests with SURETY_ACCEPT=1 and
    /// commit the file.
    /// </summary>
    [Fact]
    public async Task The_schema_is_the_one_written_down()
    {
        await file.OpenAsync();
        var golden = Path.Combine(Repository.Root, "src", "Surety.Sqlite", "schema.sql");
        var now = Dump();
        if (Environment.GetEnvironmentVariable("SURETY_ACCEPT") == "1") File.WriteAllText(golden, now);
        now.ShouldBe(File.ReadAllText(golden));
    }

    [Fact]
    public async Task Opening_again_migrates_nothing_and_keeps_the_stores_id()
    {
        var first = await file.OpenAsync();
        var (id, schema) = (first.StoreId, Dump());
        await first.DisposeAsync();
        (await file.OpenAsync()).StoreId.ShouldBe(id);
        Dump().ShouldBe(schema);
    }

    [Fact]
    public async Task Every_migration_can_be_taken_back_and_brought_again()
    {
        await (await file.OpenAsync()).DisposeAsync();
        var newest = Dump();
        for (var version = SqliteMigrations.Newest - 1; version >= 0; version--)
        {
            await RevertAsync(version);
            if (version == 0) Dump().ShouldBeEmpty();
            await (await file.OpenAsync()).DisposeAsync();
            Dump().ShouldBe(newest, $"from version {version}");
        }
    }

    [Fact]
    public async Task A_file_of_before_the_baseline_is_refused_and_not_touched()
    {
        await (await file.OpenAsync()).DisposeAsync();
        file.Execute("UPDATE surety_migration SET name = 'initial'; INSERT INTO surety_migration VALUES (8, 'clocks', 0)");
        var before = Dump();
        (await Should.ThrowAsync<StoreException>(() => file.OpenAsync())).Message.ShouldContain("before Surety's first release");
        Dump().ShouldBe(before);
    }

    [Fact]
    public async Task The_script_for_people_does_what_opening_does()
    {
        await (await file.OpenAsync()).DisposeAsync();
        var newest = Dump();
        file.Execute(SqliteMigrations.Script(SqliteMigrations.Newest, 0));
        Dump().ShouldBeEmpty();
        file.Execute(SqliteMigrations.Script(0, SqliteMigrations.Newest));
        Dump().ShouldBe(newest);
        (await file.OpenAsync()).StoreId.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task Many_that_open_a_new_file_at_once_agree()
    {
        var stores = Enumerable.Range(0, 24).Select(_ => SqliteStore.Create(file.Path, new ManualTime())).ToList();
        try
        {
            await Task.WhenAll(stores.Select(s => Task.Run(() => s.OpenAsync(default)))).WaitAsync(DatabaseFile.Patience);
            stores.Select(s => s.StoreId).Distinct().ShouldHaveSingleItem();
        }
        finally
        {
            foreach (var store in stores) await store.DisposeAsync();
        }
    }

    /// <summary>SQLite waits for one that reads, by sleeping, and does not wait at all for one that has begun to write.</summary>
    [Theory]
    [InlineData("SELECT count(*) FROM mine")]
    [InlineData("INSERT INTO mine VALUES (1)")]
    public async Task Opening_waits_while_somebody_uses_a_file_that_has_no_log_yet(string use)
    {
        file.Execute("CREATE TABLE mine (id INTEGER)");
        await using var store = SqliteStore.Create(file.Path, new ManualTime());
        using var other = file.Connect();
        using var transaction = other.BeginTransaction(deferred: true);
        using var command = other.CreateCommand();
        command.CommandText = use;
        command.ExecuteScalar();

        // Whatever SQLite does it does before the first await: a task that is not completed has met the lock.
        using var impatient = new CancellationTokenSource();
        var givenUp = store.OpenAsync(impatient.Token);
        givenUp.IsCompleted.ShouldBeFalse();
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(givenUp.WaitAsync(DatabaseFile.Patience));

        var opening = store.OpenAsync(default);
        opening.IsCompleted.ShouldBeFalse();
        transaction.Rollback();
        await opening.WaitAsync(DatabaseFile.Patience);
        store.StoreId.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task The_applications_own_tables_are_left_as_they_were()
    {
        file.Execute("CREATE TABLE mine (id INTEGER); INSERT INTO mine VALUES (1); PRAGMA user_version = 41");
        var store = await file.OpenAsync();
        await using var connection = await store.Database.OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT (SELECT id FROM mine) + (SELECT user_version FROM pragma_user_version)";
        (await command.ExecuteScalarAsync()).ShouldBe(42L);
    }

    private async Task RevertAsync(int version)
    {
        var (connection, db) = await new SqliteFile($"Data Source={file.Path}").OpenWriterAsync(default);
        await SqliteMigrations.RevertAsync(connection, db, "test.db", version, default);
        db.Dispose();
        connection.CloseForGood();
    }

    private string Dump()
    {
        using var connection = file.Connect();
        using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY tbl_name, type DESC, "
                + "name";
        using var reader = command.ExecuteReader();
        var dump = new StringBuilder();
        while (reader.Read()) dump.Append(reader.GetString(0)).Append(";\n\n");
        return dump.ToString();
    }
}
