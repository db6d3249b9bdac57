using System.Diagnostics;
using System.Globalization;

namespace Surety;

/// <summary>
/// Named places where a test can have this process killed, as abruptly as a machine can: no <c>finally</c>, no flush. Armed by two
/// environment variables, so that no single slip arms one:
/// <c>SURETY_FAILPOINT</c> (<c>name</c>, or <c>name:n</c> for the n-th time) and <c>SURETY_FAILPOINT_RUN</c> (who does this, shown on
/// standard error).
/// </summary>
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
        Migrating, CommandReceived, CommandValidated, KeyTaken, CommandHandled, CommitSent, PostgresCommitSent, CommandCommitted, Joined, Claimed, Invoking, Handled, SettledInTransaction, CommittedInTransaction,
        Settling, Settled, .. Uploads,
    ];

    private static readonly (string Name, int Times, string Run)? Armed = Read();
    private static int passed;

    public static void Pass(string name)
    {
        if (Armed is { } armed && armed.Name == name && Interlocked.Increment(ref passed) == armed.Times) Kill(armed.Name, armed.Run);
    }

    private static void Kill(string name, string run)
    {
        Console.Error.WriteLine($"Failpoint {name} ends this process for {run}.");
        // SIGKILL, on systems that have it: this thread does not come back from the call.
        Process.GetCurrentProcess().Kill();
    }

    private static (string, int, string)? Read()
    {
        if (Environment.GetEnvironmentVariable("SURETY_FAILPOINT") is not { Length: > 0 } text || Environment.GetEnvironmentVariable("SURETY_FAILPOINT_RUN") is not { Length: > 0 } run) return null;
        var parts = text.Split(':');
        var times = 1;
        return All.Contains(parts[0]) && (parts.Length == 1 || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out times) && times > 0))
            ? (parts[0], times, run)
            : throw new InvalidOperationException($"SURETY_FAILPOINT=\"{text}\" is not a failpoint. Write name or name:n; the names are {string.Join(", ", All)}.");
    }
}
