using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Hosting;
using Surety.Postgres.Migrations;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Postgres;

/// <summary>A schema of its own, whose clock is the test's.</summary>
public class PostgresFixture : StoreFixture
{
    private static int made;

    private readonly string schema = $"t{Interlocked.Increment(ref made)}";

    public string Schema => schema;

    public override string IdempotencyTable => $"{schema}.idempotency";

    private readonly List<PostgresStore> stores = [];
    private string owner = "";
    private string connectionString = "";

    private protected virtual IReadOnlyList<Migration> AllMigrations => PostgresMigrations.All;

    internal override async Task<OpenStore> OpenAsync(TimeProvider time)
    {
        var server = await PostgresServer.SharedAsync();
        if (stores.Count == 0)
        {
            owner = $"{server.ConnectionString};Search Path={schema};Maximum Pool Size=20";
            await using (var connections = new PostgresConnections(owner))
                await new PostgresSession(connections).TransactAsync(
                    t => new PostgresMigrations(schema, AllMigrations).ApplyAsync(t, default), default);
            await PrepareAsync((ManualTime)time);
            connectionString = await UserAsync(server, schema, owner);
        }

        var store = new PostgresStore(connectionString, time, new PostgresOptions
        {
            Schema = schema, Migration = PostgresMigration.Validate,
        });
        stores.Add(store);
        await store.OpenAsync(default);
        return new OpenStore(
            store, store.Messages, store.Messages, store.Messages, store.Nodes,
            store.Queues, store.Idempotency, store.ApiKeys, store.Quotas, store.Uploads, store.Database);
    }

    public override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return connection;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var store in stores) await store.DisposeAsync();
        await using var connection = new NpgsqlConnection(owner);
        await connection.OpenAsync();
        await Execute(connection, $"DROP SCHEMA {schema} CASCADE");
        // Each fixture has pools of its own, and the server only so many connections.
        NpgsqlConnection.ClearPool(connection);
        await using var application = new NpgsqlConnection(connectionString);
        NpgsqlConnection.ClearPool(application);
    }

    /// <summary>As whom the store and the application work.</summary>
    /// <returns>The connection string.</returns>
    private protected virtual Task<string> UserAsync(PostgresServer server, string schema, string owner) => Task.FromResult(owner);

    private async Task PrepareAsync(ManualTime time)
    {
        await using var connection = new NpgsqlConnection(owner);
        await connection.OpenAsync();
        await Execute(connection, $"""
            CREATE TABLE {schema}.effect (id bigint PRIMARY KEY);
            SELECT setval(pg_get_serial_sequence('{schema}.message', 'id'), 4294967296);
            CREATE TABLE {schema}.clock (now timestamptz);
            INSERT INTO {schema}.clock VALUES ('{time.Now:O}');
            CREATE OR REPLACE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now FROM {schema}.clock';
            """);
        time.Moved += () =>
        {
            using var connection = new NpgsqlConnection(owner);
            connection.Open();
            using var command = new NpgsqlCommand($"UPDATE {schema}.clock SET now = '{time.Now:O}'", connection);
            command.ExecuteNonQuery();
        };
    }

    private static async Task Execute(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
