using Microsoft.Data.Sqlite;
using Surety.Sqlite.Hosting;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Sqlite;

/// <summary>A database file in a folder of its own, and the stores opened on it.</summary>
internal sealed class DatabaseFile : IAsyncDisposable
{
    /// <summary>How long a test waits for what must happen by itself.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<SqliteStore> stores = [];

    public string Folder { get; } = Directory.CreateTempSubdirectory("surety-sqlite-").FullName;

    public string Path => System.IO.Path.Combine(Folder, "test.db");

    public ManualTime Clock { get; } = new();

    public async Task<SqliteStore> OpenAsync(SqliteOptions? options = null)
    {
        var store = SqliteStore.Create(Path, Clock, options);
        stores.Add(store);
        await store.OpenAsync(default);
        return store;
    }

    /// <summary>A connection of the application's own.</summary>
    public SqliteConnection Connect()
    {
        var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        connection.Open();
        return connection;
    }

    public void Execute(string sql)
    {
        using var connection = Connect();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public static NewMessage Message(string body = "{}") => new()
    {
        Kind = "test.kind", Version = 1, Queue = "work", Body = System.Text.Encoding.UTF8.GetBytes(body),
    };

    /// <summary>A unit of work held by somebody else: on another flow of control, so that this one may wait for it.</summary>
    public static Task<OwnedUnitOfWork> HeldElsewhereAsync(SqliteStore store) => Task.Run(() => store.Database.BeginAsync().AsTask());

    public static Task<IReadOnlyList<Enqueued>> EnqueueAsync(
        SqliteStore store, NewMessage? message = null, CancellationToken cancel = default) =>
        store.Messages.EnqueueAsync([message ?? Message()], null, cancel).AsTask();

    public static async Task<int> CountAsync(SqliteStore store) =>
        (await store.Messages.ListAsync(new MessageFilter { Limit = 1000 }, default)).Items.Count;

    public async ValueTask DisposeAsync()
    {
        foreach (var store in stores) await store.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
