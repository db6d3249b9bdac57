using System.Data.Common;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Surety.Tests.Sqlite;

/// <summary>Durability in SQLite is a setting of each connection, so each kind of connection is asked.</summary>
public sealed class ConnectionSettingsTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task The_connection_that_writes_logs_ahead_and_syncs_in_full()
    {
        var store = await file.OpenAsync();
        await using var work = await store.Database.BeginAsync();
        Setting(work.Connection, work.Transaction, "journal_mode").ShouldBe("wal");
        Setting(work.Connection, work.Transaction, "synchronous").ShouldBe("2");
        Setting(work.Connection, work.Transaction, "foreign_keys").ShouldBe("1");
        Setting(work.Connection, work.Transaction, "busy_timeout").ShouldBe("0");
    }

    [Fact]
    public async Task The_connections_that_read_are_as_strict_and_cannot_write()
    {
        var store = await file.OpenAsync();
        // Twice, because the second one comes from the pool.
        for (var i = 0; i < 2; i++)
        {
            await using var connection = await store.Database.OpenReadAsync();
            Setting(connection, null, "journal_mode").ShouldBe("wal");
            Setting(connection, null, "synchronous").ShouldBe("2");
            Setting(connection, null, "foreign_keys").ShouldBe("1");
            Setting(connection, null, "busy_timeout").ShouldBe("5000");
            Should.Throw<SqliteException>(() => Setting(connection, null, "user_version = 7"));
            using var write = connection.CreateCommand();
            write.CommandText = "DELETE FROM surety_queue";
            Should.Throw<SqliteException>(() => write.ExecuteNonQuery());
        }
    }

    [Fact]
    public async Task The_pool_keeps_a_thread_for_each_processor_beside_those_that_wait_for_the_disk()
    {
        await file.OpenAsync();
        ThreadPool.GetMinThreads(out var workers, out _);
        workers.ShouldBeGreaterThanOrEqualTo(Environment.ProcessorCount + 2);
    }

    [Fact]
    public async Task A_file_that_was_not_in_WAL_mode_is_switched()
    {
        file.Execute("PRAGMA journal_mode=DELETE; CREATE TABLE mine (id INTEGER)");
        var store = await file.OpenAsync();
        await using var connection = await store.Database.OpenReadAsync();
        Setting(connection, null, "journal_mode").ShouldBe("wal");
    }

    [Fact]
    public async Task The_health_names_the_profile_and_no_path()
    {
        var status = await (await file.OpenAsync()).CheckAsync(default);
        status.Ready.ShouldBeTrue();
        status.Detail.ShouldContain("synchronous=FULL");
        status.Detail.ShouldNotContain(file.Folder);
    }

    private static string? Setting(DbConnection connection, DbTransaction? transaction, string name)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = $"PRAGMA {name}";
        return Convert.ToString(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
