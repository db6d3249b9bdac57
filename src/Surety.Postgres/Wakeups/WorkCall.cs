using System.Globalization;

namespace Surety.Postgres.Wakeups;

/// <summary>
/// One notification: messages were committed, and the node whose place is the number modulo the count of nodes is to look. The number is
/// the server's clock in twentieths of a second, so that all processes call the same node at a time, and each in its turn.
/// </summary>
/// <param name="From">The process that says it.</param>
/// <param name="Number">Chooses the node.</param>
/// <param name="Hops">How many nodes without room have passed it on.</param>
internal readonly record struct WorkCall(string From, long Number, int Hops)
{
    /// <summary>As it stands in the notification; null when it is none of ours.</summary>
    public static WorkCall? Read(string payload)
    {
        var parts = payload.Split(' ');
        return parts.Length == 3
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var hops)
            ? new WorkCall(parts[0], number, hops)
            : null;
    }
}
