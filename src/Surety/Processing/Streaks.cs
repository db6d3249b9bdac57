using System.Collections.Concurrent;

namespace Surety.Processing;

/// <summary>
/// How often in a row the database failed each message, as far as this node saw. In memory, not in the row: a node writes nothing more
/// while its database is in trouble, and all that a restart or another node costs is another such row of attempts. Nothing is kept of
/// messages that the database does not fail.
/// </summary>
internal sealed class Streaks
{
    /// <summary>More than a node holds at a time. Beyond it the counting begins again.</summary>
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<MessageId, Streak> byMessage = [];
    private readonly ConcurrentDictionary<string, long> successes = new(StringComparer.Ordinal);
    private volatile bool any;

    /// <summary>The database failed an attempt.</summary>
    public Streak Failed(MessageId message, string queue)
    {
        if (byMessage.Count >= Most) byMessage.Clear();
        var streak = byMessage.AddOrUpdate(
            message,
            static (_, now) => new Streak(1, 1, now),
            static (_, before, now) => before.Next(now),
            successes.GetValueOrDefault(queue));
        any = true;
        return streak;
    }

    /// <summary>The attempt ended as its handler said, or by a failure of another kind.</summary>
    public void Ended(MessageId message, string queue, bool succeeded)
    {
        if (!any) return;
        byMessage.TryRemove(message, out _);
        if (succeeded) successes.AddOrUpdate(queue, 1, static (_, n) => n + 1);
        if (!byMessage.IsEmpty) return;
        any = false;
        // One that was added in between may have said so before that.
        if (!byMessage.IsEmpty) any = true;
    }
}

/// <summary>Attempts of one message in a row that the database failed.</summary>
/// <param name="InARow">How many.</param>
/// <param name="AmongSuccesses">
/// How many, of which each but the first came after a success of another message of the queue: while the database fails everybody, nobody
/// is to blame.
/// </param>
/// <param name="Successes">How many of the queue had succeeded at the last one.</param>
internal readonly record struct Streak(int InARow, int AmongSuccesses, long Successes)
{
    public Streak Next(long successes) => new(InARow + 1, AmongSuccesses + (successes > Successes ? 1 : 0), successes);
}
