using System.Data.Common;
using Npgsql;

namespace Surety.Postgres.Connections;

/// <summary>Opens the connections to one database: those that it lends to the application, and those for statements of our own.</summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    private const int KeepAliveAfterS = 30, KeepAliveEveryS = 5;

    private readonly NpgsqlConnectionStringBuilder settings;
    private readonly string? database;
    private readonly bool preparesAsTold;
    private NpgsqlDataSource own;

    public PostgresConnections(string connectionString)
    {
        (settings, preparesAsTold) = InvariantCulture.Run(() => Read(connectionString));
        database = settings.Database ?? settings.Username;
        (Source, own) = InvariantCulture.Run(Create);
    }

    /// <summary>What the application borrows: cleaned of what it left in a session when it comes back.</summary>
    public NpgsqlDataSource Source { get; private set; }

    /// <summary>
    /// Whether something like PgBouncer is between this process and the server, so that two transactions of one connection may be on two of
    /// the server's. Nothing that outlives a transaction is used then: neither prepared statements (unless the connection string asks for
    /// them) nor LISTEN.
    /// </summary>
    public bool ArePooled { get; private set; }

    /// <summary>What the server holds its transactions to.</summary>
    public TransactionLimits Limits { get; } = new();

    /// <summary>Finds out whether there is a pooler. Before anything else is asked of the server.</summary>
    public async Task FindPoolerAsync(CancellationToken cancel)
    {
        await using (var connection = await OpenAsync(cancel))
        {
            try
            {
                await using var ask = new NpgsqlCommand(Sql.SchemaSql.BackendId, connection);
                // A pooler gives its clients numbers of its own.
                ArePooled = (int)(await ask.ExecuteScalarAsync(cancel))! != connection.ProcessID;
            }
            catch (Exception e) when (DriverFault.Is(e, connection))
            {
                throw Errors.From(DriverFault.Known(e, connection), "The database did not answer");
            }
        }

        if (!ArePooled || preparesAsTold) return;
        settings.MaxAutoPrepare = 0;
        var preparing = (Source, own);
        (Source, own) = InvariantCulture.Run(Create);
        await preparing.Source.DisposeAsync();
        await preparing.own.DisposeAsync();
    }

    /// <summary>A connection to lend.</summary>
    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancel) => OpenAsync(Source, cancel);

    /// <summary>A connection for statements of ours.</summary>
    public ValueTask<NpgsqlConnection> OpenOwnAsync(CancellationToken cancel) => OpenAsync(own, cancel);

    private static async ValueTask<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        // The driver hands out an idle connection without a look at the token, and no statement of ours looks again once it is sent.
        cancel.ThrowIfCancellationRequested();
        try
        {
            return await source.OpenConnectionAsync(cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            throw Errors.From(e, "The database could not be reached", unreachable: true);
        }
    }

    /// <summary>The caller's transaction, if it is on this database.</summary>
    public NpgsqlTransaction Own(DbTransaction transaction)
    {
        if (transaction is not NpgsqlTransaction own)
            throw new InvalidOperationException(
                $"The transaction passed to this call belongs to {transaction.GetType().Namespace}, but this host stores messages in "
                    + "PostgreSQL.");
        NpgsqlConnection? connection;
        try
        {
            connection = own.Connection;
        }
        catch (ObjectDisposedException)
        {
            connection = null;
        }

        if (connection is null)
            throw new InvalidOperationException("The transaction has ended, so nothing can join it. Pass one that is still open.");
        if (connection.Host != settings.Host || connection.Port != settings.Port || connection.Database != database)
            throw new InvalidOperationException(
                $"The transaction passed to this call is on another database than this host's, which is {database} on "
                    + $"{settings.Host}:{settings.Port}.");
        return own;
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await own.DisposeAsync();
    }

    private static (NpgsqlConnectionStringBuilder Settings, bool PreparesAsTold) Read(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        // Not ContainsKey, which is true of every keyword there is.
        var given = settings.Keys.OfType<string>().ToHashSet(StringComparer.OrdinalIgnoreCase);
        var preparesAsTold = given.Contains("Max Auto Prepare");
        if (!preparesAsTold) settings.MaxAutoPrepare = 100;
        if (!given.Contains("Application Name")) settings.ApplicationName = "surety";
        // A commit that was sent must not be cancelled: it would be reported as done while its standbys have not heard of it.
        settings.CancellationTimeout = -1;
        settings.Enlist = false;
        // A server that is cut off is noticed by connections on which nothing is sent, too: the one that listens, and those that wait for
        // an answer. A socket of this machine's own has no such option, and needs none.
        var isRemote = settings.Host is not { } hosts
            || !hosts.Split(',').Any(h => h.TrimStart().StartsWith('/') || h.TrimStart().StartsWith('@'));
        if (isRemote && !given.Contains("Tcp Keepalive") && !given.Contains("Tcp Keepalive Time"))
        {
            settings.TcpKeepAlive = true;
            if (!given.Contains("Tcp Keepalive Interval"))
                (settings.TcpKeepAliveTime, settings.TcpKeepAliveInterval) = (KeepAliveAfterS, KeepAliveEveryS);
        }

        return (settings, preparesAsTold);
    }

    // Our own statements leave nothing behind in a session, and cleaning it costs the server as much as a small statement.
    private (NpgsqlDataSource Lent, NpgsqlDataSource Own) Create() =>
        (NpgsqlDataSource.Create(settings),
            NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(settings.ConnectionString) { NoResetOnClose = true }));
}
