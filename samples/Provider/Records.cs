using Dapper;
using Microsoft.Data.Sqlite;

namespace Provider;

/// <summary>What the provider was asked to do, and did: one durable row a key, whatever the number of calls.</summary>
public sealed class Records(string connectionString) : IDisposable
{
    private const int PageSize = 1000;

    private readonly SqliteConnection connection = new(connectionString);
    private readonly SemaphoreSlim gate = new(1, 1);

    public async Task OpenAsync()
    {
        SQLitePCL.Batteries_V2.Init();
        await connection.OpenAsync();
        await connection.ExecuteAsync(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS payment (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL UNIQUE,
                state TEXT NOT NULL CHECK (state IN ('paid', 'voided')),
                amount TEXT NOT NULL,
                currency TEXT NOT NULL,
                destination TEXT NOT NULL,
                calls INTEGER NOT NULL
            );
            """);
    }

    /// <summary>Pays once a key; every further call is counted, and gets the first one's payment.</summary>
    public Task<Payment> PayAsync(string key, Instruction instruction) => OneAsync(
        """
        INSERT INTO payment (key, state, amount, currency, destination, calls) VALUES (@key, 'paid', @Amount, @Currency, @Destination, 1)
        ON CONFLICT (key) DO UPDATE SET calls = calls + 1 RETURNING id, key, state, amount, currency, destination, calls
        """,
        new { key, instruction.Amount, instruction.Currency, instruction.Destination });

    /// <summary>Closes a key that nothing was paid under.</summary>
    public Task<Payment> VoidAsync(string key) => OneAsync(
        """
        INSERT INTO payment (key, state, amount, currency, destination, calls) VALUES (@key, 'voided', '0', '', '', 0)
        ON CONFLICT (key) DO UPDATE SET calls = calls RETURNING id, key, state, amount, currency, destination, calls
        """,
        new { key });

    public async Task<IEnumerable<Payment>> ListAsync(long after)
    {
        await gate.WaitAsync();
        try
        {
            return await connection.QueryAsync<Payment>(
                "SELECT id, key, state, amount, currency, destination, calls FROM payment WHERE id > @after ORDER BY id LIMIT @PageSize",
                    new { after, PageSize });
        }
        finally
        {
            gate.Release();
        }
    }

    public void Dispose()
    {
        connection.Dispose();
        gate.Dispose();
    }

    private async Task<Payment> OneAsync(string sql, object parameters)
    {
        await gate.WaitAsync();
        try
        {
            return await connection.QuerySingleAsync<Payment>(sql, parameters);
        }
        finally
        {
            gate.Release();
        }
    }
}

/// <summary>What a client wants paid.</summary>
public sealed record Instruction(string Amount, string Currency, string Destination);

/// <summary>A key's row.</summary>
public sealed record Payment(long Id, string Key, string State, string Amount, string Currency, string Destination, long Calls);
