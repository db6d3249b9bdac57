using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Surety.Sqlite;

/// <summary>The store's own reading connections, kept with their prepared statements. Readers see a snapshot and never wait for the writer.</summary>
internal sealed class Readers(SqliteFile file) : IDisposable
{
    private const int MostKept = 8;

    private readonly ConcurrentBag<(SqliteConnection Connection, Statements Db)> idle = [];
    private volatile bool closed;

    public T Read<T>(Func<Statements, T> read)
    {
        ObjectDisposedException.ThrowIf(closed, this);
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

    public void Dispose()
    {
        closed = true;
        while (idle.TryTake(out var reader)) Close(reader);
    }

    private static void Close((SqliteConnection Connection, Statements Db) reader)
    {
        reader.Db.Dispose();
        reader.Connection.Dispose();
    }
}
