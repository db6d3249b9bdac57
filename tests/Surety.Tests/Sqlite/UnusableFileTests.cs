using Microsoft.Data.Sqlite;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Migrations;
using Surety.StoreContract;

namespace Surety.Tests.Sqlite;

/// <summary>A file that cannot be used is refused with its reason and what to do, and is not touched.</summary>
public sealed class UnusableFileTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Theory]
    [InlineData("Data Source=:memory:")]
    [InlineData("Data Source=app.db;Mode=Memory")]
    [InlineData("Data Source=app.db;Cache=Shared")]
    [InlineData("Data Source=file:app.db?mode=memory")]
    [InlineData("Data Source=")]
    public void What_is_gone_with_the_process_is_refused(string connectionString) =>
        Should.Throw<StoreException>(
            () => new SqliteStore(connectionString, TimeProvider.System, new SqliteOptions())).Message.ShouldContain("Name a file");

    [Fact]
    public async Task A_missing_folder_is_said_to_be_missing()
    {
        await using var store = SqliteStore.Create(Path.Combine(file.Folder, "nowhere", "test.db"), TimeProvider.System);
        (await RefusedAsync(store)).ShouldContain("Check that its folder exists");
        Directory.Exists(Path.Combine(file.Folder, "nowhere")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_not_touched()
    {
        var text = string.Concat(Enumerable.Repeat("These are my letters.\n", 500));
        await File.WriteAllTextAsync(file.Path, text);
        await using (var store = SqliteStore.Create(file.Path, TimeProvider.System)) (await RefusedAsync(store)).ShouldContain(
            "not an SQLite database");
        (await File.ReadAllTextAsync(file.Path)).ShouldBe(text);
    }

    [Fact]
    public async Task Another_products_tables_are_not_touched()
    {
        file.Execute(
            "CREATE TABLE surety_meta (name TEXT PRIMARY KEY, value TEXT); "
            + "INSERT INTO surety_meta VALUES ('product', 'bonds and sureties')");
        await using var store = SqliteStore.Create(file.Path, TimeProvider.System);
        (await RefusedAsync(store)).ShouldContain("bonds and sureties");
        Tables().ShouldBe(["surety_meta"]);
    }

    [Fact]
    public async Task A_newer_programs_file_is_not_touched()
    {
        await (await file.OpenAsync()).DisposeAsync();
        file.Execute("INSERT INTO surety_migration (version, name, applied_at) VALUES (9000, 'from the future', 0)");
        var before = Tables();
        await using var store = SqliteStore.Create(file.Path, TimeProvider.System);
        var refusal = await RefusedAsync(store);
        refusal.ShouldContain("9000");
        refusal.ShouldContain($"{SqliteMigrations.Newest}");
        Tables().ShouldBe(before);
    }

    [Fact]
    public async Task A_store_whose_id_was_deleted_is_refused()
    {
        await (await file.OpenAsync()).DisposeAsync();
        file.Execute("DELETE FROM surety_meta WHERE name = 'store_id'");
        await using var store = SqliteStore.Create(file.Path, TimeProvider.System);
        (await RefusedAsync(store)).ShouldContain("store id");
    }

    [Fact]
    public async Task A_read_only_file_is_said_to_be_read_only()
    {
        await (await file.OpenAsync()).DisposeAsync();
        await using var store = new SqliteStore($"Data Source={file.Path};Mode=ReadOnly", TimeProvider.System, new SqliteOptions());
        (await RefusedAsync(store)).ShouldContain("read-only");
    }

    [Fact]
    public async Task A_file_somebody_else_keeps_locked_can_be_tried_again()
    {
        await using var holder = new DatabaseFileLock(file);
        await using var store = SqliteStore.Create(file.Path, TimeProvider.System);
        var failure = await Should.ThrowAsync<StoreException>(() => store.OpenAsync(default));
        failure.IsTransient.ShouldBeTrue();
        failure.Message.ShouldContain("lock");
        await holder.DisposeAsync();
        await store.OpenAsync(default);
    }

    [Fact]
    public async Task A_store_that_is_not_open_says_so()
    {
        await using var store = SqliteStore.Create(file.Path, new ManualTime());
        (await store.CheckAsync(default)).ShouldSatisfyAllConditions(s => s.Ready.ShouldBeFalse(), s => s.Detail.ShouldContain("not open"));
        (await Should.ThrowAsync<StoreException>(() => DatabaseFile.EnqueueAsync(store))).Message.ShouldContain("not open");
    }

    /// <summary>No more room: the message fails clearly, the store recovers by itself, nothing is half stored.</summary>
    [Fact]
    public async Task A_full_disk_fails_what_does_not_fit_and_heals_when_there_is_room()
    {
        var store = await file.OpenAsync();
        await DatabaseFile.EnqueueAsync(store);
        await LimitPagesAsync(store, 1);

        var big = DatabaseFile.Message(new string('x', 1_000_000));
        var failure = await Should.ThrowAsync<StoreException>(() => DatabaseFile.EnqueueAsync(store, big));
        failure.ShouldSatisfyAllConditions(
            f => f.Kind.ShouldBe(FailureKind.Unavailable), f => f.InDoubt.ShouldBeFalse(), f => f.Message.ShouldContain("Make room"));
        (await DatabaseFile.CountAsync(store)).ShouldBe(1);

        await using (var work = await store.Database.BeginAsync())
        {
            await Should.ThrowAsync<StoreException>(async () => await store.Messages.EnqueueAsync([big], work, default));
        }

        await LimitPagesAsync(store, 1_000_000);
        // A host that is not ready may get no writes, so asking must be enough.
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
        await DatabaseFile.EnqueueAsync(store, big);
        (await DatabaseFile.CountAsync(store)).ShouldBe(2);
    }

    [Fact]
    public async Task A_unit_of_work_that_met_a_full_disk_commits_nothing_of_what_came_after()
    {
        var store = await file.OpenAsync();
        await LimitPagesAsync(store, 1);
        await using (var work = await store.Database.BeginAsync())
        {
            await Should.ThrowAsync<StoreException>(
                async () => await store.Messages.EnqueueAsync([DatabaseFile.Message(new string('x', 1_000_000))], work, default));
            // Small enough to fit; what matters is that it is stored exactly when the commit says so.
            var enqueued = await Record.ExceptionAsync(
                async () => await store.Messages.EnqueueAsync([DatabaseFile.Message()], work, default));
            var committed = await Record.ExceptionAsync(work.CommitAsync);
            (await DatabaseFile.CountAsync(store)).ShouldBe(enqueued is null && committed is null ? 1 : 0);
        }
    }

    private static async Task<string> RefusedAsync(SqliteStore store)
    {
        var refusal = await Should.ThrowAsync<StoreException>(() => store.OpenAsync(default));
        return refusal.Message;
    }

    private static async Task LimitPagesAsync(SqliteStore store, int pages)
    {
        await using var work = await store.Database.BeginAsync();
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        // SQLite takes a limit below the file's size for the file's size.
        command.CommandText = $"PRAGMA max_page_count = {pages}";
        await command.ExecuteScalarAsync();
        await work.CommitAsync();
    }

    private List<string> Tables()
    {
        using var connection = file.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        using var reader = command.ExecuteReader();
        var names = new List<string>();
        while (reader.Read()) names.Add(reader.GetString(0));
        return names;
    }
}

/// <summary>A transaction of somebody else's that holds the write lock until disposed.</summary>
internal sealed class DatabaseFileLock : IAsyncDisposable
{
    private readonly SqliteConnection connection;
    private SqliteTransaction? transaction;

    public DatabaseFileLock(DatabaseFile file)
    {
        connection = file.Connect();
        transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "CREATE TABLE IF NOT EXISTS somebody_elses (id INTEGER)";
        command.ExecuteNonQuery();
    }

    public async ValueTask DisposeAsync()
    {
        if (transaction is null) return;
        await transaction.DisposeAsync();
        transaction = null;
        await connection.DisposeAsync();
    }
}
