using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Surety.Rigs;

/// <summary>
/// Ports for programs that are started, killed and started again at the same address. None of those that the system lends to outgoing
/// connections: such a port is free while it is looked for and a client's a moment later.
/// </summary>
internal static class Ports
{
    // Linux lends from 32768 on, others from 49152.
    private const int First = 18_000;
    private const int Count = 14_000;

    private static readonly string Claims = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "surety-ports")).FullName;
    private static readonly List<FileStream> Mine = [];

    // Two processes that look at the same time begin at different places.
    private static int next = Random.Shared.Next(Count);

    /// <summary>
    /// The first of so many in a row that nobody listens at and that were given to nobody else, in this process or in another one that
    /// lives: a program that was killed listens at its port again much later.
    /// </summary>
    public static int Free(int inARow = 1)
    {
        lock (Mine)
        {
            for (var tries = 0; tries < Count; tries++)
            {
                var first = First + next;
                next = (next + 1) % Count;
                if (first + inARow > First + Count || TryClaim(first, inARow) is not { } claimed) continue;
                Mine.AddRange(claimed);
                return first;
            }
        }

        throw new RigException($"Every port from {First} to {First + Count} is in use.");
    }

    /// <summary>Null when one of them is in use, or another's.</summary>
    internal static List<FileStream>? TryClaim(int first, int inARow)
    {
        var claimed = new List<FileStream>(inARow);
        foreach (var port in Enumerable.Range(first, inARow))
        {
            if (IsFree(port) && Claim(port) is { } claim)
            {
                claimed.Add(claim);
                continue;
            }

            claimed.ForEach(c => c.Dispose());
            return null;
        }

        return claimed;
    }

    /// <summary>
    /// A lock that the system gives back when this process ends, however it ends; null when it is another one's, or this one's already.
    /// </summary>
    private static FileStream? Claim(int port)
    {
        try
        {
            return new FileStream(
                Path.Combine(Claims, port.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
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
