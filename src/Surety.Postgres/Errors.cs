using Npgsql;

namespace Surety.Postgres;

/// <summary>What PostgreSQL's errors mean to a caller: whether trying again can help, whether anything may have happened, and what a person is to do.</summary>
internal static class Errors
{
    /// <summary>The statement conflicted with another transaction and was rolled back as a whole: it may be run again at once.</summary>
    public static bool IsConflict(Exception failure) => Cause(failure) is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure };

    /// <summary>The connection is gone, and whatever was not committed with it.</summary>
    public static bool IsLost(Exception failure) => Cause(failure) switch
    {
        PostgresException { SqlState: { } state } => state is "57P01" or "57P02" || state.StartsWith("08", StringComparison.Ordinal),
        NpgsqlException { InnerException: System.IO.IOException or System.Net.Sockets.SocketException } => true,
        _ => false,
    };

    // What the library said, if nothing but that is known of it.
    private static Exception Cause(Exception failure) => failure is StoreException { InDoubt: false, InnerException: { } inner } ? inner : failure;

    /// <summary>
    /// Whether a failed commit (or a failed statement that commits by itself) may have happened all the same. An ordinary error is the server's own word that it did not; anything that ends the
    /// connection leaves it open.
    /// </summary>
    public static bool LeavesDoubt(Exception failure) => failure is not PostgresException { Severity: "ERROR" } error || error.SqlState == "40003";

    /// <summary>Whether it is the values: what they are (class 22), what they break (23), how large they are (54), or that the library cannot write them. The next try would find the same.</summary>
    private static bool RefusesContent(Exception failure, string? state) =>
        state is null ? failure is ArgumentException or InvalidCastException : state.StartsWith("22", StringComparison.Ordinal) || state.StartsWith("23", StringComparison.Ordinal) || state.StartsWith("54", StringComparison.Ordinal);

    public static StoreException From(Exception failure, string doing, bool inDoubt = false)
    {
        if (failure is StoreException known) return known;
        var state = (failure as PostgresException)?.SqlState;
        var (text, transient) = state switch
        {
            PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure => ("it conflicted with other transactions again and again. Try again", true),
            PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled => ("the server gave up waiting (a time-out, a lock, or an administrator)", true),
            PostgresErrorCodes.TooManyConnections or "53200" or "53400" => ("the server has no connections or memory left. Use fewer connections (Maximum Pool Size), or raise max_connections", true),
            PostgresErrorCodes.DiskFull => ("the server's disk is full. Make room", false),
            PostgresErrorCodes.ReadOnlySqlTransaction => ("the server is read-only: a standby, or a primary that was replaced. Connect to the primary (Target Session Attributes=primary)", true),
            "57P01" or "57P02" or "57P03" or "57P05" => ("the server is starting, stopping or ended the connection", true),
            PostgresErrorCodes.InsufficientPrivilege => ("this user may not do that. Grant it the rights docs/operations lists", false),
            PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedFunction => ("Surety's tables are missing or older than this program. Apply the migrations", false),
            PostgresErrorCodes.InvalidPassword or "28000" => ("the server refused the user or its password", false),
            "3D000" => ("the database does not exist", false),
            PostgresErrorCodes.InFailedSqlTransaction => ("the transaction had failed before. Roll it back", false),
            null => failure is NpgsqlException or TimeoutException or System.IO.IOException or System.Net.Sockets.SocketException or OperationCanceledException
                ? ("the server cannot be reached, or the connection broke", true)
                : ("Npgsql refused", false),
            _ => ("PostgreSQL refused", (failure as NpgsqlException)?.IsTransient == true),
        };
        var code = state is null ? "" : $"SQLSTATE {state}: ";
        return new StoreException($"{doing}: {text}. ({code}{failure.Message})", transient, inDoubt, failure) { RefusesContent = RefusesContent(failure, state) };
    }
}
