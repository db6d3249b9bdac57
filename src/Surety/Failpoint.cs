namespace Surety;

/// <summary>The names of the places where a test can have this process killed.</summary>
internal static class Failpoint
{
    public const string Migrating = "sqlite.migrating";
    public const string CommandReceived = "command.received";
    public const string CommandValidated = "command.validated";
    public const string KeyTaken = "command.key-taken";
    public const string CommandHandled = "command.handled";
    public const string CommitSent = "sqlite.commit-sent";
    public const string PostgresCommitSent = "postgres.commit-sent";
    public const string CommandCommitted = "command.committed";
    public const string Joined = "worker.joined";
    public const string Claimed = "worker.claimed";
    public const string Invoking = "attempt.invoking";
    public const string Handled = "attempt.handled";
    public const string SettledInTransaction = "attempt.settled-in-transaction";
    public const string CommittedInTransaction = "attempt.committed";
    public const string Settling = "settler.settling";
    public const string Settled = "settler.settled";
    public const string UploadWritten = "upload.written";
    public const string UploadSynced = "upload.synced";
    public const string UploadNoted = "upload.noted";
    public const string UploadStored = "upload.stored";
    public const string UploadCommitted = "upload.committed";

    /// <summary>Those on an upload's way.</summary>
    public static IReadOnlyList<string> Uploads { get; } = [UploadWritten, UploadSynced, UploadNoted, UploadStored, UploadCommitted];

    /// <summary>Those of a backend on SQLite alone.</summary>
    public static IReadOnlyList<string> Sqlite { get; } = [Migrating, CommitSent];

    /// <summary>Those of a backend on PostgreSQL alone.</summary>
    public static IReadOnlyList<string> Postgres { get; } = [PostgresCommitSent];

    /// <summary>Every point there is.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Migrating, CommandReceived, CommandValidated, KeyTaken, CommandHandled, CommitSent, PostgresCommitSent, CommandCommitted,
        Joined, Claimed, Invoking, Handled, SettledInTransaction, CommittedInTransaction, Settling, Settled, .. Uploads,
    ];
}
