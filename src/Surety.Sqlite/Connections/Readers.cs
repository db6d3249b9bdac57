using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Surety.Sqlite.Sql;

namespace Surety.Sqlite.Connections;

/// <summary>
/// The store's own reading connections, kept with their prepared statements. Readers see a snapshot and never wait for the writer.
/// </summary>
internal sealed class Readers(SqliteFile file) : IDisposable
{
    private const int MostKept = 8;

    // Reads take milliseconds. One that takes longer than this keeps its connection, and so the log, beyond the end of the store.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentBag<(SqliteConnection Connection, Statements Db)> idle = [];
    private volatile bool closed;
    private int reading;

    public T Read<T>(Func<Statements, T> read)
    {
        Interlocked.Increment(ref reading);
        try
        {
            ObjectDisposedException.ThrowIf(closed, this);
            return ReadNow(read);
        }
        finally
        {
            Interlocked.Decrement(ref reading);
        }
    }

    /// <summary>Waits for those that read, or the connection that writes would not be the last to close.</summary>
    public void Dispose()
    {
        closed = true;
        SpinWait.SpinUntil(() => Volatile.Read(ref reading) == 0, Patience);
        while (idle.TryTake(out var reader)) Close(reader);
    }

    private T ReadNow<T>(Func<Statements, T> read)
    {
        if (!idle.TryTake(out var reader))
        {
            var connection = file.OpenReader();
            reader = (connection, new Statements(connection.Handle!));
        }

        var usable = false;
        try
        {
            var result = read(reader.Db);
            usable = true;
            return result;
        }
        catch (SqliteException e)
        {
            throw Errors.From(e, "The read failed");
        }
        finally
        {
            if (usable && !closed && idle.Count < MostKept) idle.Add(reader);
            else Close(reader);
        }
    }

    private static void Close((SqliteConnection Connection, Statements Db) reader)
    {
        reader.Db.Dispose();
        reader.Connection.Dispose();
    }
}
