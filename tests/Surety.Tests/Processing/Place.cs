using Surety.Hosting;
using Surety.Tests.Postgres;

namespace Surety.Tests.Processing;

/// <summary>Where a test's messages are. It outlives the hosts that use it, and takes the data with it.</summary>
public abstract class Place : IAsyncDisposable
{
    public abstract void Use(SuretyBuilder surety);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A file in a folder of its own.</summary>
public sealed class SqlitePlace : Place
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-test-").FullName;

    public string Path => System.IO.Path.Combine(folder, "test.db");

    public static Task<Place> OpenAsync() => Task.FromResult<Place>(new SqlitePlace());

    public override void Use(SuretyBuilder surety) => surety.UseSqlite($"Data Source={Path}");

    public override ValueTask DisposeAsync()
    {
        Directory.Delete(folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A schema of its own.</summary>
public sealed class PostgresPlace : Place
{
    private static int made;
    private readonly PostgresServer server;
    private readonly string schema = $"p{Interlocked.Increment(ref made)}";

    private PostgresPlace(PostgresServer server) => this.server = server;

    public string Schema => schema;

    public string ConnectionString => $"{server.ConnectionString};Search Path={schema};Maximum Pool Size=30";

    public static async Task<Place> OpenAsync() => new PostgresPlace(await PostgresServer.SharedAsync());

    public override void Use(SuretyBuilder surety) => surety.UsePostgres(ConnectionString, options => options.Schema = schema);

    public override async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE");
}
