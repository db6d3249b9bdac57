namespace Surety.Sqlite.Sql;

/// <summary>Transactions, savepoints and the settings of a connection.</summary>
internal static class ConnectionSql
{
    /// <summary>The savepoint around each member of a group; users' savepoints may not have this name.</summary>
    public const string MemberSavepoint = "surety";

    // IMMEDIATE: a deferred transaction that read first could fail half-way with a stale snapshot instead of waiting at the start.
    public const string Begin = "BEGIN IMMEDIATE";
    public const string Commit = "COMMIT";
    public const string Rollback = "ROLLBACK";
    public const string Save = "SAVEPOINT surety";
    public const string Release = "RELEASE surety";
    public const string RollbackToSave = "ROLLBACK TO surety";

    /// <summary>Around one call inside a caller's transaction.</summary>
    public const string SaveCall = "SAVEPOINT surety_call";
    public const string ReleaseCall = "RELEASE surety_call";
    public const string RollbackToCall = "ROLLBACK TO surety_call";

    public const string UseWal = "PRAGMA journal_mode=WAL";
    public const string JournalMode = "PRAGMA journal_mode";
    public const string UseFullSync = "PRAGMA synchronous=FULL";
    public const string Synchronous = "PRAGMA synchronous";
    public const string UseForeignKeys = "PRAGMA foreign_keys=ON";

    // Readers meet a lock only while a crashed process's log is recovered.
    public const string WaitForLocks = "PRAGMA busy_timeout=5000";

    /// <summary>Says at once that somebody else has the lock.</summary>
    public const string WaitForNoLocks = "PRAGMA busy_timeout=0";

    public const string ReadOnly = "PRAGMA query_only=ON";

    // Statement journals and the sorter stay in memory; they are small, and a file would cost system calls.
    public const string TemporariesInMemory = "PRAGMA temp_store=MEMORY";

    /// <summary>All that a connection which only reads is set to.</summary>
    public const string OfReaders = $"{WaitForLocks};{UseFullSync};{UseForeignKeys};{TemporariesInMemory};{ReadOnly}";

    public const string DataVersion = "PRAGMA data_version";

    /// <summary>SQLite's name for <c>synchronous=FULL</c>.</summary>
    public const long FullSync = 2;
}
