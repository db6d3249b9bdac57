using System.Data;
using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;
using Surety;
using Surety.Hosting;

namespace Payments;

/// <summary>
/// The database that keeps the books, and the little in which it differs from the other; every further statement is one text for both.
/// </summary>
public abstract class BookStore
{
    /// <summary>The resource that makes the payments' tables.</summary>
    public abstract string Schema { get; }

    /// <summary>Ends a query whose rows nobody else may change before the transaction ends.</summary>
    public abstract string ForUpdate { get; }

    /// <summary>Where the books are, without any password.</summary>
    public abstract string Place { get; }

    /// <summary>By its name in the configuration; null for a name that no store has.</summary>
    public static BookStore? Named(string name, string? connectionString) => name switch
    {
        "sqlite" => new SqliteBooks(connectionString ?? "Data Source=payments.db"),
        "postgres" => new PostgresBooks(connectionString ?? "Host=localhost;Database=payments"),
        _ => null,
    };

    public abstract SuretyBuilder Use(SuretyBuilder surety);

    /// <summary>One state of the database for several reads.</summary>
    public abstract Task<DbTransaction> SnapshotAsync(DbConnection connection, CancellationToken cancel);
}

internal sealed class SqliteBooks(string connectionString) : BookStore
{
    public override string Place => connectionString;

    public override string Schema => "schema.sqlite.sql";

    /// <summary>Nothing: there is one writer at a time.</summary>
    public override string ForUpdate => "";

    public override SuretyBuilder Use(SuretyBuilder surety) => surety.UseSqlite(connectionString);

    /// <summary>Deferred: it reads only, and begins with its first statement.</summary>
    public override Task<DbTransaction> SnapshotAsync(DbConnection connection, CancellationToken cancel) =>
        Task.FromResult<DbTransaction>(((SqliteConnection)connection).BeginTransaction(deferred: true));
}

internal sealed class PostgresBooks(string connectionString) : BookStore
{
    private readonly NpgsqlConnectionStringBuilder given = new(connectionString);

    public override string Place => $"the database {given.Database} on {given.Host}:{given.Port}";

    public override string Schema => "schema.postgres.sql";

    public override string ForUpdate => "FOR UPDATE";

    public override SuretyBuilder Use(SuretyBuilder surety) => surety.UsePostgres(given.ConnectionString);

    public override async Task<DbTransaction> SnapshotAsync(DbConnection connection, CancellationToken cancel)
    {
        var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        await connection.ExecuteAsync("SET TRANSACTION READ ONLY", transaction: snapshot);
        return snapshot;
    }
}
