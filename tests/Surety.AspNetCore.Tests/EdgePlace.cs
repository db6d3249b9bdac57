using Surety.Hosting;
using Surety.Tests.Postgres;

namespace Surety.AspNetCore.Tests;

/// <summary>Where an app's data is, if it is not the SQLite file of its own. It outlives the app.</summary>
internal abstract class EdgePlace : IAsyncDisposable
{
    public abstract void Use(SuretyBuilder surety);

    /// <summary>Makes the table of deposits.</summary>
    public abstract Task PrepareAsync();

    public abstract ValueTask DisposeAsync();
}

/// <summary>A schema of its own on the tests' PostgreSQL server.</summary>
/// <param name="server">That server.</param>
/// <param name="port">Where the app finds it: the server's port, or that of something in between.</param>
internal sealed class PostgresEdge(PostgresServer server, int? port = null) : EdgePlace
{
    private static int made;
    private readonly string schema = $"e{Interlocked.Increment(ref made)}";

    public string Schema => schema;

    public static async Task<PostgresEdge> OpenAsync() => new(await PostgresServer.SharedAsync());

    public override void Use(SuretyBuilder surety) => surety.UsePostgres(
        $"{server.ConnectionString};Port={port ?? server.Port};Search Path={schema};Maximum Pool Size=30;SSL Mode=Disable;Timeout=30",
            options => options.Schema = schema);

    public override Task PrepareAsync() =>
        server.ExecuteAsync(
            $"CREATE TABLE {schema}.deposit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account text NOT NULL, amount bigint NOT "
                + "NULL)");

    public Task<T> ScalarAsync<T>(string sql) => server.ScalarAsync<T>(sql);

    public override async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
}
