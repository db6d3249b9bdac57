using System.Net;
using System.Net.Sockets;

namespace Surety.Cli.Rigs;

/// <summary>
/// Ports for programs that are started, killed and started again at the same address. None of those that the system lends to outgoing connections: such a port is free while it is looked for and a
/// client's a moment later. The tests compile this file too.
/// </summary>
internal static class Ports
{
    // Linux lends from 32768 on, others from 49152.
    private const int First = 18_000;
    private const int Count = 14_000;

    // Two processes that look at the same time begin at different places.
    private static int next = Random.Shared.Next(Count);

    /// <summary>The first of so many in a row that nobody listens at and that were given to nobody else here: who got them may begin to listen much later.</summary>
    public static int Free(int inARow = 1)
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var place = (int)((uint)(Interlocked.Add(ref next, inARow) - inARow) % Count);
            if (place + inARow <= Count && Enumerable.Range(First + place, inARow).All(IsFree)) return First + place;
        }

        throw new RigException($"Every port from {First} to {First + Count} is in use.");
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
