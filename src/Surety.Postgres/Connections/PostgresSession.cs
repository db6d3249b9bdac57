using System.Data.Common;
using Npgsql;

namespace Surety.Postgres.Connections;

/// <summary>
/// Runs statements: reads, writes that commit by themselves, and writes inside the caller's transaction. One round trip each. It is all of
/// the store that a noun knows.
/// </summary>
internal sealed class PostgresSession(PostgresConnections connections, Failpoints? failpoints = null)
{
    private const int MostTries = 8;

    // How long a transaction of ours may wait for its next statement: they follow each other at once.
    private static readonly TimeSpan OwnPause = TimeSpan.FromSeconds(30);

    private string? storeId;

    /// <summary>Through which all commits go.</summary>
    public CommitGate Gate { get; } = new(failpoints ?? Failpoints.None);

    /// <summary>Names the data; there is none before the store is open.</summary>
    /// <exception cref="StoreException">The store is not open.</exception>
    public string StoreId
    {
        get => storeId
            ?? throw new StoreException("The store is not open. The host opens it at its start; a tool calls IStore.OpenAsync first.");
        set => storeId = value;
    }

    public bool IsOpen => storeId is not null;

    /// <summary>Refuses a public call that writes when its flow of control is in a unit of work on this data.</summary>
    public void ThrowIfBeside(string call, string advice = AmbientUnit.TakesNoPart)
    {
        if (AmbientUnit.IsAny) AmbientUnit.Check(StoreId, call, advice);
    }

    /// <summary>The caller's transaction, if it is on this database.</summary>
    public NpgsqlTransaction Own(DbTransaction transaction) => connections.Own(transaction);

    public async ValueTask<T> ReadAsync<T>(
        Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancel, params NpgsqlBatchCommand[] commands)
    {
        for (var tries = 1; ; tries++)
        {
            if (tries > 1) commands = Again(commands);
            await using var connection = await connections.OpenOwnAsync(cancel);
            await using var batch = Batch(commands, connection);
            try
            {
                await using var reader = await batch.ExecuteReaderAsync(cancel);
                return await read(reader);
            }
            catch (Exception e) when (DriverFault.Is(e, connection))
            {
                var failure = DriverFault.Known(e, connection);
                if (tries == MostTries || !(Errors.IsLost(failure) || Errors.IsConflict(failure)))
                    throw Errors.From(failure, "The read failed");
                await BackOffAsync(tries, cancel);
            }
        }
    }

    /// <summary>All commands in one transaction, which is the caller's or (null) one of their own that is durable on return.</summary>
    public ValueTask<T> WriteAsync<T>(
        DbTransaction? transaction, Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancel, params NpgsqlBatchCommand[] commands) =>
        transaction is null ? WriteAloneAsync(read, commands, cancel) : WriteInAsync(Own(transaction), read, commands, cancel);

    /// <summary>
    /// Several round trips in one transaction of their own. Run again from the start when it conflicts with others, or its connection was
    /// lost before the commit.
    /// </summary>
    public async ValueTask<T> TransactAsync<T>(Func<NpgsqlTransaction, Task<T>> work, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            await using var connection = await connections.OpenOwnAsync(cancel);
            try
            {
                await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted, cancel);
                await connections.Limits.SetAsync(transaction, OwnPause, idleOnly: true, cancel);
                var result = await work(transaction);
                await Gate.CommitAsync(transaction, connection);
                return result;
            }
            catch (Exception e) when (e is StoreException || DriverFault.Is(e, connection))
            {
                var failure = DriverFault.Known(e, connection);
                if (tries == MostTries || !(Errors.IsConflict(failure) || Errors.IsLost(failure)))
                    throw Errors.From(failure, "The write failed");
                await BackOffAsync(tries, cancel);
            }
        }
    }

    private async ValueTask<T> WriteAloneAsync<T>(
        Func<NpgsqlDataReader, Task<T>> read, NpgsqlBatchCommand[] commands, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            if (tries > 1) commands = Again(commands);
            await using var connection = await connections.OpenOwnAsync(cancel);
            await using var batch = Batch(commands, connection);
            try
            {
                return await Gate.RunAsync(connection, static async state =>
                {
                    await using var reader = await state.batch.ExecuteReaderAsync(CancellationToken.None);
                    var result = await state.read(reader);
                    while (await reader.NextResultAsync(CancellationToken.None))
                    {
                    }

                    return result;
                }, (batch, read), "The write failed");
            }
            catch (Exception e) when (Errors.IsConflict(e))
            {
                if (tries == MostTries) throw Errors.From(e, "The write failed");
                await BackOffAsync(tries, cancel);
            }
        }
    }

    private static async ValueTask<T> WriteInAsync<T>(
        NpgsqlTransaction transaction, Func<NpgsqlDataReader, Task<T>> read, NpgsqlBatchCommand[] commands, CancellationToken cancel)
    {
        var connection = transaction.Connection!;
        try
        {
            await using var batch = Batch(commands, connection);
            batch.Transaction = transaction;
            await using var reader = await batch.ExecuteReaderAsync(cancel);
            return await read(reader);
        }
        catch (Exception e) when (DriverFault.Is(e, connection))
        {
            throw Errors.From(DriverFault.Known(e, connection), "The write failed");
        }
    }

#pragma warning disable RS0030 // Only spreads the tries of several connections, in real time.
    private static Task BackOffAsync(int tries, CancellationToken cancel) =>
        Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(1, 10 << tries)), cancel);
#pragma warning restore RS0030

    // A command remembers how it was prepared on the connection it ran on, and another one knows nothing of that.
    private static NpgsqlBatchCommand[] Again(NpgsqlBatchCommand[] commands) => Array.ConvertAll(commands, command =>
    {
        var again = new NpgsqlBatchCommand(command.CommandText);
        foreach (var parameter in command.Parameters) again.Parameters.Add(((NpgsqlParameter)parameter).Clone());
        return again;
    });

    private static NpgsqlBatch Batch(NpgsqlBatchCommand[] commands, NpgsqlConnection connection)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var command in commands) batch.BatchCommands.Add(command);
        return batch;
    }
}
