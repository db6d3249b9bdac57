using Surety.Postgres.Connections;
using Surety.Postgres.Migrations;

namespace Surety.Cli.Migrate;

internal sealed class PostgresSchema(string connectionString, string schema) : ISchema
{
    // The options know which names are allowed.
    private readonly PostgresMigrations migrations = new(new PostgresOptions { Schema = schema }.Schema);

    public int Newest => migrations.Newest;

    public Task<int> VersionAsync(CancellationToken cancel) => WithAsync(async session => await session.TransactAsync(async t =>
    {
        var found = await migrations.ReadAsync(t, cancel);
        return found.Product is null or "surety"
            ? found.Version : throw new StoreException($"The schema \"{schema}\" belongs to another product ({found.Product}).");
    }, cancel));

    public Task UpAsync(CancellationToken cancel) =>
        WithAsync(async session => await session.TransactAsync(t => migrations.ApplyAsync(t, cancel), cancel));

    public Task DownAsync(int version, CancellationToken cancel) => WithAsync(async session => await session.TransactAsync(async t =>
    {
        await migrations.RevertAsync(t, version, cancel);
        return version;
    }, cancel));

    public string Script(int from, int to) => migrations.Script(from, to);

    private async Task<T> WithAsync<T>(Func<PostgresSession, Task<T>> work)
    {
        await using var connections = new PostgresConnections(connectionString);
        return await work(new PostgresSession(connections));
    }
}
