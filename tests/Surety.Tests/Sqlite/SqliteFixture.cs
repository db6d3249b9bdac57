using System.Data.Common;
using Microsoft.Data.Sqlite;
using Surety.Sqlite.Hosting;
using Surety.StoreContract;

namespace Surety.Tests.Sqlite;

/// <summary>A database file of its own, in a folder that goes with the fixture.</summary>
public sealed class SqliteFixture : StoreFixture
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-contract-").FullName;
    private readonly List<SqliteStore> stores = [];

    public string Path => System.IO.Path.Combine(folder, "test.db");

    internal override async Task<OpenStore> OpenAsync(TimeProvider time)
    {
        var store = SqliteStore.Create(Path, time);
        await store.OpenAsync(default);
        if (stores.Count == 0) await PrepareAsync(store);
        stores.Add(store);
        return new OpenStore(
            store, store.Messages, store.Messages, store.Messages, store.Nodes,
            store.Queues, store.Idempotency, store.ApiKeys, store.Quotas, store.Uploads, store.Database);
    }

    // One process works on a file at a time; its nodes share its store.
    internal override Task<OpenStore> OpenWorkingPeerAsync(OpenStore first, TimeProvider time) => Task.FromResult(first);

    public override string IdempotencyTable => "surety_idempotency";

    public override async Task<DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var store in stores) await store.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static async Task PrepareAsync(SqliteStore store)
    {
        await using var work = await store.Database.BeginAsync();
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText =
            "CREATE TABLE effect (id BIGINT PRIMARY KEY); INSERT INTO sqlite_sequence (name, seq) VALUES ('surety_message', 4294967296)";
        await command.ExecuteNonQueryAsync();
        await work.CommitAsync();
    }
}
