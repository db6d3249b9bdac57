using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Surety.Sqlite;

/// <summary>What SQLite's result codes mean to a caller: whether trying again can help, and what a person is to do.</summary>
internal static class Errors
{
    public static StoreException From(SqliteException failure, string doing) => From(failure, doing, inDoubt: false);

    public static StoreException From(SqliteException failure, string doing, bool inDoubt)
    {
        var (text, transient) = failure.SqliteErrorCode switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED =>
                ("another process or connection holds the database's write lock. End its transaction, or wait", true),
            raw.SQLITE_FULL => ("the disk is full (or the database reached its page limit). Make room; nothing was stored", false),
            raw.SQLITE_READONLY => ("the database is read-only. Give this process the right to write the file and its folder", false),
            raw.SQLITE_CANTOPEN => ("the file cannot be opened. Check that its folder exists and that this process may write there", false),
            raw.SQLITE_NOTADB => ("the file is not an SQLite database (or it is encrypted). Name another file; this one was not touched", false),
            raw.SQLITE_CORRUPT => ("the database file is damaged. Stop, keep a copy of the file, its -wal and its -shm, and restore a backup", false),
            raw.SQLITE_IOERR => ("the disk failed to read or write. Look at the system's log", false),
            raw.SQLITE_NOMEM => ("memory ran out", true),
            raw.SQLITE_INTERRUPT => ("the statement was interrupted", true),
            _ => ("SQLite refused", false),
        };
        return new StoreException($"{doing}: {text}. (SQLite {failure.SqliteErrorCode}/{failure.SqliteExtendedErrorCode}: {failure.Message})", transient, inDoubt, failure)
        {
            RefusesContent = failure.SqliteErrorCode is raw.SQLITE_TOOBIG or raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH,
        };
    }

    /// <summary>
    /// What a failed COMMIT leaves open. Without room or lock the commit record was never written; after any other failure (a failed sync, above all) it may be in the log and come back with
    /// a recovery after a crash.
    /// </summary>
    public static bool LeavesDoubt(SqliteException commit) => commit.SqliteErrorCode is not (raw.SQLITE_FULL or raw.SQLITE_BUSY or raw.SQLITE_LOCKED);
}
