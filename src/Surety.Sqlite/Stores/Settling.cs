using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>An attempt ends: the message goes where its settlement says, if its claim is still held.</summary>
internal static class Settling
{
    /// <summary>False when the claim was lost, and then nothing has changed.</summary>
    public static bool Settle(Statements db, Settlement settlement, DateTimeOffset now, DateTimeOffset steady)
    {
        if (settlement.LeavesNoRow()) return Delete(db, settlement, now);
        var isWaiting = settlement.Next == NextState.Waiting;
        if (!(isWaiting ? Wait(db, settlement, now) : Finish(db, settlement, now, steady))) return false;

        var message = settlement.Message;
        var id = message.Claim.Id.Value;
        if (settlement.Recorded)
        {
            var node = MessageSql.HolderName(db, id).Text() ?? "";
            HistoryLines.Add(db, id, new AttemptInfo(
                message.Claim.Number, StoredOutcome.Read(settlement.Outcome), settlement.HistoryError(), node, now - settlement.Ran, now));
        }

        if (isWaiting) return true;
        // A dead letter keeps its key until somebody decides about it.
        if (settlement.Next != NextState.Dead && message.HoldsUniqueKey) FreeKey(db, message.Kind, MessageSql.UniqueKey(db, id).Text(), id);
        if (message.OrderingKey is { } key) Unblock(db, message.Queue, key, now);
        return true;
    }

    /// <summary>Lets the next message of a key go on after its head ended. A dead head lets its followers go on, too.</summary>
    public static void Unblock(Statements db, string queue, string orderingKey, DateTimeOffset now)
    {
        if (MessageSql.Unblock(db, queue, orderingKey, now).Run() > 0) db.MadeWork = true;
    }

    /// <summary>Frees the unique key of a message that has ended, if it holds one.</summary>
    public static void FreeKey(Statements db, string kind, string? uniqueKey, long id)
    {
        if (uniqueKey is not null) UniqueSql.Free(db, kind, uniqueKey, id).Run();
    }

    private static bool Delete(Statements db, Settlement settlement, DateTimeOffset now)
    {
        var message = settlement.Message;
        var id = message.Claim.Id.Value;
        var uniqueKey = message.HoldsUniqueKey ? MessageSql.UniqueKey(db, id).Text() : null;
        if (MessageSql.Delete(db, message.Claim).Run() == 0) return false;
        if (settlement.MayHaveHistory()) AttemptSql.Delete(db, id).Run();
        FreeKey(db, message.Kind, uniqueKey, id);
        if (message.OrderingKey is { } key) Unblock(db, message.Queue, key, now);
        return true;
    }

    private static bool Wait(Statements db, Settlement settlement, DateTimeOffset now)
    {
        var due = settlement.Delay > TimeSpan.Zero ? Instants.RoundUp(now + settlement.Delay) : now;
        if (MessageSql.Wait(db, settlement, due, now).Run() == 0) return false;
        db.MadeWork = true;
        return true;
    }

    private static bool Finish(Statements db, Settlement settlement, DateTimeOffset now, DateTimeOffset steady) =>
        MessageSql.Finish(db, settlement, now, steady + settlement.EndKeepFor()).Run() == 1;
}
