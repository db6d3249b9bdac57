using System.Runtime.CompilerServices;
using Npgsql;
using Npgsql.Internal;

namespace Surety.Postgres.Connections;

/// <summary>
/// Npgsql sends BEGIN together with a transaction's first statement, as a message that goes ahead of it and whose answer nobody waits for,
/// and has no public way to add a second one. So this calls the method that Npgsql itself calls, which has been the same since its version
/// 5; where it is missing, callers fall back on a statement. Measured in turns with transactions of two small statements, on two busy
/// cores: a statement of its own took them a fifth of their speed, this nothing that stood out from the noise.
/// </summary>
internal static class Ahead
{
    private static volatile bool isMissing;

    /// <summary>Has a message sent ahead of the next statement of the connection. One that fails breaks the connection.</summary>
    /// <param name="connection">Open, and used by nobody else.</param>
    /// <param name="message">As it goes over the wire.</param>
    /// <param name="answers">How many messages the server answers it with.</param>
    /// <returns>False when this version of Npgsql does not let us.</returns>
    public static bool TrySend(NpgsqlConnection connection, byte[] message, int answers)
    {
        if (isMissing) return false;
        try
        {
            Send(connection, message, answers);
            return true;
        }
        catch (Exception e) when (e is MissingMemberException or TypeLoadException)
        {
            isMissing = true;
            return false;
        }
    }

#pragma warning disable NPG9001 // The connector is not part of what Npgsql promises; see above.
    // A method of its own: what is missing is found when it is compiled.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Send(NpgsqlConnection connection, byte[] message, int answers) =>
        PrependInternalMessage(Connector(connection)!, message, answers);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Connector")]
    private static extern NpgsqlConnector? Connector(NpgsqlConnection connection);

    [UnsafeAccessor(UnsafeAccessorKind.Method)]
    private static extern void PrependInternalMessage(NpgsqlConnector connector, byte[] rawMessage, int responseMessageCount);
#pragma warning restore NPG9001
}
