using Microsoft.Data.Sqlite;
using Shouldly;
using Surety.Tests.Processing;

namespace Surety.Tests.Sqlite;

/// <summary>After a clean stop everything is in the one file: a copy of it is a whole database.</summary>
public sealed class CleanStopTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task After_a_clean_stop_the_file_alone_is_complete()
    {
        var store = await file.OpenAsync();
        (await store.Nodes.JoinAsync("node", TimeSpan.FromMinutes(1), default)).ShouldNotBeNull();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => DatabaseFile.EnqueueAsync(store)));
        // Whatever reads, and keeps its connection for the next time: the store's own, the watch, and what the application was lent.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => DatabaseFile.CountAsync(store))));
        await store.Messages.WaitForWorkAsync(["work"], TimeSpan.FromMilliseconds(1), default);
        await (await store.Database.OpenReadAsync()).DisposeAsync();
        await store.DisposeAsync();

        Names().ShouldBe(["test.db", "test.db-worker"]);
        (await CopiedAsync()).ShouldBe(100);
        await store.DisposeAsync();
    }

    /// <summary>A host with everything that turns in it, stopped while its clients enqueue as fast as they can.</summary>
    [Fact]
    public async Task A_host_that_is_stopped_under_load_leaves_all_it_accepted_in_the_file_alone()
    {
        var accepted = 0;
        var loaded = new TaskCompletionSource();
        Task[] clients;
        await using (var host = await WorkingHost.StartAsync(s => s.Handle<Ping, Counted>("work"), new Kept(file.Path)))
        {
            var queue = host.Get<IQueue>();
            clients = [.. Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        await queue.EnqueueAsync(new Ping(i), new EnqueueOptions { Tracked = true });
                        if (Interlocked.Increment(ref accepted) == 500) loaded.SetResult();
                    }
                }
                catch (StoreException e) when (e.Message == "The store is closed.")
                {
                    // What was refused is not there.
                }
            }))];
            await loaded.Task.WaitAsync(DatabaseFile.Patience);
        }

        await Task.WhenAll(clients).WaitAsync(DatabaseFile.Patience);
        Names().ShouldBe(["test.db", "test.db-worker"]);
        (await CopiedAsync()).ShouldBe(accepted);
    }

    /// <summary>The application's own connections are pooled, and stay open until the process ends.</summary>
    [Fact]
    public async Task What_only_keeps_the_file_open_keeps_nothing_out_of_it()
    {
        var store = await file.OpenAsync();
        var pooled = new SqliteConnection($"Data Source={file.Path}");
        await pooled.OpenAsync();
        await DatabaseFile.EnqueueAsync(store);
        Count(pooled).ShouldBe(1);
        await pooled.DisposeAsync();
        await store.DisposeAsync();

        new FileInfo(file.Path + "-wal").Length.ShouldBe(0);
        (await CopiedAsync()).ShouldBe(1);
        SqliteConnection.ClearPool(pooled);
    }

    [Fact]
    public async Task While_somebody_else_reads_the_log_stays_and_nothing_is_lost()
    {
        var store = await file.OpenAsync();
        using var other = file.Connect();
        await using (var reading = other.BeginTransaction(deferred: true))
        {
            Count(other, reading).ShouldBe(0);
            await DatabaseFile.EnqueueAsync(store);
            await store.DisposeAsync();
            new FileInfo(file.Path + "-wal").Length.ShouldBeGreaterThan(0);
            Count(other, reading).ShouldBe(0, "it still sees what it saw");
        }

        Count(other).ShouldBe(1);
        (await DatabaseFile.CountAsync(await file.OpenAsync())).ShouldBe(1);
    }

    private IEnumerable<string?> Names() => Directory.EnumerateFiles(file.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    /// <summary>How many messages a copy of the file holds, without what may lie beside the file.</summary>
    private async Task<int> CopiedAsync()
    {
        var copy = Path.Combine(Directory.CreateDirectory(Path.Combine(file.Folder, "copy")).FullName, "copy.db");
        File.Copy(file.Path, copy);
        await using var connection = new SqliteConnection($"Data Source={copy};Pooling=False");
        await connection.OpenAsync();
        return Count(connection);
    }

    private static int Count(SqliteConnection connection, SqliteTransaction? transaction = null)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "SELECT count(*) FROM surety_message";
        return Convert.ToInt32(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed class Counted : IHandler<Ping>
    {
        public Task<Outcome> HandleAsync(Delivery<Ping> delivery, CancellationToken cancellationToken) => Task.FromResult(Outcome.Done);
    }

    /// <summary>It outlives its host.</summary>
    private sealed class Kept(string path) : Place
    {
        public override void Use(Surety.Hosting.SuretyBuilder surety) => surety.UseSqlite($"Data Source={path}");

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
