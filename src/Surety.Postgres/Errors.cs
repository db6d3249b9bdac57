using Npgsql;
using Surety.Storage;

namespace Surety.Postgres;

/// <summary>
/// What PostgreSQL's errors mean to a caller: whose fault it was, whether anything may have happened, and what a person is to do.
/// </summary>
internal static class Errors
{
    /// <summary>
    /// Whose fault an SQLSTATE is: PostgreSQL's part of the one table. Pure. The codes are those of its manual's appendix A; what it does
    /// not name is the statement's own fault.
    /// </summary>
    public static FailureKind KindOf(string sqlState) => sqlState switch
    {
        // Ended while it was idle in its transaction (25P03), or for the transaction's whole length (25P04).
        "25P03" or "25P04" or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled => FailureKind.LostRace,
        PostgresErrorCodes.ReadOnlySqlTransaction => FailureKind.Unavailable,
        _ => sqlState.AsSpan(0, Math.Min(2, sqlState.Length)) switch
        {
            // Conflicts and deadlocks.
            "40" => FailureKind.LostRace,
            // Connections, resources (disk, memory, connections), an operator's hand, the server's own disk.
            "08" or "53" or "57" or "58" => FailureKind.Unavailable,
            _ => FailureKind.Mistake,
        },
    };

    /// <summary>What an exception of Npgsql's means; null of any other. Pure.</summary>
    public static DatabaseFailure? Classify(Exception failure) => failure switch
    {
        PostgresException error =>
            new DatabaseFailure(KindOf(error.SqlState), string.IsNullOrEmpty(error.ConstraintName) ? null : error.ConstraintName),
        // The time limit of a command (or of the wait for a connection), not of the network: that one shows as a broken stream.
        NpgsqlException { InnerException: TimeoutException } => new DatabaseFailure(FailureKind.LostRace),
        NpgsqlOperationInProgressException => new DatabaseFailure(FailureKind.Mistake),
        NpgsqlException => new DatabaseFailure(FailureKind.Unavailable),
        _ => null,
    };

    /// <summary>The statement conflicted with another transaction and was rolled back as a whole: it may be run again at once.</summary>
    public static bool IsConflict(Exception failure) =>
        Cause(failure) is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure };

    /// <summary>The connection is gone, and whatever was not committed with it.</summary>
    public static bool IsLost(Exception failure) => Cause(failure) switch
    {
        PostgresException { SqlState: { } state } =>
            state is "57P01" or "57P02" or "57P05" || state.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException { InnerException: System.IO.IOException or System.Net.Sockets.SocketException } => true,
        _ => false,
    };

    // What the library said, if nothing but that is known of it.
    private static Exception Cause(Exception failure) =>
        failure is StoreException { InDoubt: false, InnerException: { } inner } ? inner : failure;

    /// <summary>
    /// Whether a failed commit (or a failed statement that commits by itself) may have happened all the same. An ordinary error is the
    /// server's own word that it did not; anything that ends the connection leaves it open, but for an end that came while the transaction
    /// or the session was idle: then the commit was never read. The severity is asked for as it is in every language of the server.
    /// </summary>
    public static bool LeavesDoubt(Exception failure) => failure switch
    {
        PostgresException { SqlState: "40003" } => true,
        PostgresException { SqlState: "25P03" or "57P05" } => false,
        PostgresException { InvariantSeverity: "ERROR" } => false,
        _ => true,
    };

    /// <summary>
    /// Whether it is the values: what they are (class 22), what they break (23), how large they are (54), or that the library cannot write
    /// them. The next try would find the same.
    /// </summary>
    private static bool RefusesContent(Exception failure, string? state) =>
        state is null
            ? failure is ArgumentException or InvalidCastException
            : state.StartsWith("22", StringComparison.Ordinal) || state.StartsWith("23", StringComparison.Ordinal)
                || state.StartsWith("54", StringComparison.Ordinal);

    /// <summary>What a caller is told of a failed statement of the store's own.</summary>
    /// <param name="failure">What Npgsql threw.</param>
    /// <param name="doing">What failed, for people.</param>
    /// <param name="inDoubt">It may have committed.</param>
    /// <param name="unreachable">There was no connection to run anything on, so no statement can be to blame.</param>
    public static StoreException From(Exception failure, string doing, bool inDoubt = false, bool unreachable = false)
    {
        if (failure is StoreException known) return known;
        var state = (failure as PostgresException)?.SqlState;
        var code = state is null ? "" : $"SQLSTATE {state}: ";
        var kind = unreachable
            ? FailureKind.Unavailable
            : Classify(failure)?.Kind ?? (IsOfTheConnection(failure) ? FailureKind.Unavailable : FailureKind.Mistake);
        return new StoreException($"{doing}: {TextOf(state, failure)}. ({code}{failure.Message})", kind, inDoubt, failure)
        {
            RefusesContent = RefusesContent(failure, state),
        };
    }

    /// <summary>What happened, and what a person is to do. Pure.</summary>
    private static string TextOf(string? state, Exception failure) => state switch
    {
        PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure =>
            "it conflicted with other transactions again and again. Try again",
        PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled =>
            "the server gave up waiting (a time-out, a lock, or an administrator)",
        "25P03" or "25P04" =>
            "the transaction was open for longer than the server allows (idle_in_transaction_session_timeout, transaction_timeout), "
                + "and was ended",
        PostgresErrorCodes.TooManyConnections or "53200" or "53400" =>
            "the server has no connections or memory left. Use fewer connections (Maximum Pool Size), or raise max_connections",
        PostgresErrorCodes.DiskFull => "the server's disk is full. Make room",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            "the server is read-only: a standby, or a primary that was replaced. Connect to the primary (Target Session "
                + "Attributes=primary)",
        "57P01" or "57P02" or "57P03" or "57P05" => "the server is starting, stopping or ended the connection",
        PostgresErrorCodes.InsufficientPrivilege => "this user may not do that. Grant it the rights docs/operations lists",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedFunction =>
            "Surety's tables are missing or older than this program. Apply the migrations",
        PostgresErrorCodes.InvalidPassword or "28000" => "the server refused the user or its password",
        "3D000" => "the database does not exist",
        PostgresErrorCodes.InFailedSqlTransaction =>
            "a statement of this transaction had failed, and its error was caught. Let the error out, or roll back to a savepoint "
                + "before going on",
        null => IsOfTheConnection(failure) ? "the server cannot be reached, or the connection broke" : "Npgsql refused",
        _ => "PostgreSQL refused",
    };

    private static bool IsOfTheConnection(Exception failure) =>
        failure is NpgsqlException or TimeoutException or IOException or System.Net.Sockets.SocketException or OperationCanceledException;
}
