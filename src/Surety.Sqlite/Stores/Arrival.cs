using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>
/// A message goes into the table. Its place behind its ordering key is known at once, because only one transaction writes at a time.
/// </summary>
internal static class Arrival
{
    public static Enqueued Of(Statements db, NewMessage message, DateTimeOffset now, DateTimeOffset steady)
    {
        if (message.UniqueKey is { } wanted && UniqueSql.Holder(db, message.Kind, wanted, steady).Number() is { } holder)
            return new Enqueued(new MessageId(holder), IsDuplicate: true);

        var due = Due(message, now);
        var state = message.OrderingKey is { } key && MessageSql.Unfinished(db, message.Queue, key).Any() ? MessageState.Blocked
            : due <= now ? MessageState.Ready
            : MessageState.Scheduled;
        MessageSql.Insert(db, message, state, now, due).Run();
        var id = db.LastId;
        if (message.UniqueKey is { } taken)
            UniqueSql.Take(db, message.Kind, taken, id, message.UniqueFor is { } window ? steady + window : null).Run();
        db.MadeWork = true;
        return new Enqueued(new MessageId(id), IsDuplicate: false);
    }

    /// <summary>Rounded up to the next millisecond: "no sooner than". Pure.</summary>
    private static DateTimeOffset Due(NewMessage message, DateTimeOffset now)
    {
        var due = Instants.RoundUp(message.DueAt ?? now + message.Delay);
        return (message.Delay <= TimeSpan.Zero && due <= now) || due < now ? now : due;
    }
}
