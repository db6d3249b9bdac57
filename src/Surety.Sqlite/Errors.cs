using Microsoft.Data.Sqlite;
using SQLitePCL;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>What SQLite's result codes mean to a caller: whose fault it was, and what a person is to do.</summary>
internal static class Errors
{
    // How SQLite begins to say which constraint was violated: "UNIQUE constraint failed: booking.seat".
    private const string Failed = " constraint failed";

    /// <summary>
    /// Whose fault a result code is: SQLite's part of the one table. Pure. The codes are those of sqlite.org/rescode.html; what it does not
    /// name is the statement's own fault.
    /// </summary>
    public static FailureKind KindOf(int code) => code switch
    {
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_INTERRUPT => FailureKind.LostRace,
        raw.SQLITE_FULL or raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_NOTADB or raw.SQLITE_CORRUPT or raw.SQLITE_IOERR
            or raw.SQLITE_NOMEM or raw.SQLITE_PERM or raw.SQLITE_PROTOCOL or raw.SQLITE_NOLFS => FailureKind.Unavailable,
        _ => FailureKind.Mistake,
    };

    /// <summary>What an exception of the library's means that an application's own statement met; null of any other. Pure.</summary>
    public static DatabaseFailure? Classify(Exception failure) => failure is not SqliteException error ? null
        // The file is not read-only for everybody, or there would be no messages to handle: the statement wrote on a connection that only
        // reads.
        : error is { SqliteErrorCode: raw.SQLITE_READONLY, SqliteExtendedErrorCode: raw.SQLITE_READONLY }
            ? new DatabaseFailure(FailureKind.Mistake)
        : new DatabaseFailure(
            KindOf(error.SqliteErrorCode), error.SqliteErrorCode == raw.SQLITE_CONSTRAINT ? ConstraintOf(error.Message) : null);

    /// <summary>
    /// The violated constraint: a check's name, the columns of a key (<c>booking.seat</c>; several with commas), or FOREIGN KEY, of which
    /// SQLite says no more. The library's text around it: SQLite Error 19: 'UNIQUE constraint failed: booking.seat'.
    /// </summary>
    private static string? ConstraintOf(string message)
    {
        var at = message.IndexOf(Failed, StringComparison.Ordinal);
        if (at < 0) return null;
        var name = message.AsSpan(at + Failed.Length).TrimEnd(".'");
        if (name.StartsWith(": ")) return name[2..].ToString();
        var before = message.AsSpan(0, at);
        return before[(before.LastIndexOf('\'') + 1)..].ToString();
    }

    public static StoreException From(SqliteException failure, string doing) => From(failure, doing, inDoubt: false);

    public static StoreException From(SqliteException failure, string doing, bool inDoubt)
    {
        var text = failure.SqliteErrorCode switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED =>
                "another process or connection holds the database's write lock. End its transaction, or wait",
            raw.SQLITE_FULL => "the disk is full (or the database reached its page limit). Make room; nothing was stored",
            raw.SQLITE_READONLY => "the database is read-only. Give this process the right to write the file and its folder",
            raw.SQLITE_CANTOPEN => "the file cannot be opened. Check that its folder exists and that this process may write there",
            raw.SQLITE_NOTADB => "the file is not an SQLite database (or it is encrypted). Name another file; this one was not touched",
            raw.SQLITE_CORRUPT =>
                "the database file is damaged. Stop, keep a copy of the file, its -wal and its -shm, and restore a backup",
            raw.SQLITE_IOERR => "the disk failed to read or write. Look at the system's log",
            raw.SQLITE_NOMEM => "memory ran out",
            raw.SQLITE_INTERRUPT => "the statement was interrupted",
            _ => "SQLite refused",
        };
        return new StoreException(
            $"{doing}: {text}. (SQLite {failure.SqliteErrorCode}/{failure.SqliteExtendedErrorCode}: {failure.Message})",
            KindOf(failure.SqliteErrorCode),
            inDoubt,
            failure)
        {
            RefusesContent = failure.SqliteErrorCode is raw.SQLITE_TOOBIG or raw.SQLITE_CONSTRAINT or raw.SQLITE_MISMATCH,
        };
    }

    /// <summary>
    /// What a failed COMMIT leaves open. Without room or lock the commit record was never written; after any other failure (a failed sync,
    /// above all) it may be in the log and come back with a recovery after a crash.
    /// </summary>
    public static bool LeavesDoubt(SqliteException commit) =>
        commit.SqliteErrorCode is not (raw.SQLITE_FULL or raw.SQLITE_BUSY or raw.SQLITE_LOCKED);
}
