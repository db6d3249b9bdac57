using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Surety.Sqlite.Writer;

// Waits for the database are real, whatever clock the host was given: by one that stands still they would never end.
#pragma warning disable RS0030

namespace Surety.Sqlite.Connections;

/// <summary>
/// Waits for a lock that another process or connection holds while the file is opened or changed. Work waits in <see cref="SqliteWriter"/>,
/// for as long as its callers do.
/// </summary>
internal static class Locks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Tries until the lock is free, for five seconds at most. SQLite's own waiting is no help: the library as it is built sleeps for whole
    /// seconds, so that of six that begin at once the last gives up; and of two that switch a new file to a write-ahead log it refuses one
    /// without any waiting.
    /// </summary>
    /// <exception cref="SqliteException">The lock was not free in time, or something else went wrong.</exception>
    public static async Task<T> WhenFreeAsync<T>(Func<T> take, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return take();
            }
            catch (SqliteException e) when (
                e.SqliteErrorCode is raw.SQLITE_BUSY or raw.SQLITE_LOCKED && Stopwatch.GetElapsedTime(began) < Patience)
            {
                await Task.Delay(1, cancel);
            }
        }
    }
}
