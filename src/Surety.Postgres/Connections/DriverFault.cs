using System.Data;
using System.Net.Sockets;
using Npgsql;

namespace Surety.Postgres.Connections;

/// <summary>
/// A connection that breaks shows as many exceptions: the library's own, those of its socket, and whatever its insides meet that was
/// disposed, or gone, under them. Here, in one place, they become the
/// one that means a broken connection.
/// </summary>
internal static class DriverFault
{
    /// <summary>Whether this is the database's or the connection's trouble, and not a mistake of the program's.</summary>
    /// <param name="failure">What was thrown while the connection was used.</param>
    /// <param name="connection">That connection; null when there is none yet.</param>
    public static bool Is(Exception failure, NpgsqlConnection? connection) =>
        failure is NpgsqlException or TimeoutException or IOException or SocketException || IsBreak(failure, connection);

    /// <summary>The same failure in the form the rest of this store knows.</summary>
    public static Exception Known(Exception failure, NpgsqlConnection? connection) =>
        failure is SocketException || IsBreak(failure, connection)
            ? new NpgsqlException(
                $"The connection broke. ({failure.GetType().Name}: {failure.Message})", new IOException(failure.Message, failure))
            : failure;

    // On an open connection, ObjectDisposedException and its like speak of a transaction that its borrower has ended, or of a use that was
    // never allowed; on a closed one, of a borrower that closed it. Neither is the database's trouble.
    private static bool IsBreak(Exception failure, NpgsqlConnection? connection) =>
        failure is InvalidOperationException or NullReferenceException && connection is null or { FullState: ConnectionState.Broken };
}
