using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>What people do to one message: cancel it, put it back, discard it. All of it in a turn at the write lock.</summary>
internal static class Changes
{
    public static CancelAnswer Cancel(Statements db, long id, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        if (Peek(db, id) is not { } found) return CancelAnswer.NotFound;
        if (found.State > MessageState.Running) return CancelAnswer.AlreadyEnded;
        if (found.State == MessageState.Running)
        {
            MessageInfoSql.AskToCancel(db, id, reason).Run();
            return CancelAnswer.Requested;
        }

        End(db, id, found, reason, now, steady);
        // Blocked ones are not the head of their key: nobody waits for them.
        if (found is { OrderingKey: { } key, State: not MessageState.Blocked }) Settling.Unblock(db, found.Queue, key, now);
        return CancelAnswer.Cancelled;
    }

    public static bool Discard(Statements db, long id, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        if (Peek(db, id) is not { State: MessageState.Dead } found) return false;
        End(db, id, found, reason, now, steady);
        return true;
    }

    /// <summary>
    /// Puts a dead letter back. With an ordering key it waits for the key's head, if there is one, and then goes first: it is the oldest.
    /// </summary>
    public static bool Requeue(Statements db, long id, ReadOnlyMemory<byte>? body, DateTimeOffset now)
    {
        if (Peek(db, id) is not { State: MessageState.Dead } found) return false;
        var isBehind = found.OrderingKey is { } key && MessageSql.Unfinished(db, found.Queue, key).Any();
        MessageInfoSql.Requeue(db, id, isBehind ? MessageState.Blocked : MessageState.Ready, body, now).Run();
        HistoryLines.Add(db, id, new AttemptInfo(found.ClaimNumber, AttemptOutcome.Requeue, null, "", now, now));
        db.MadeWork = true;
        return true;
    }

    private static PeekedMessage? Peek(Statements db, long id) => MessageInfoSql.Peek(db, id).One(MessageInfoSql.ReadPeek);

    private static void End(Statements db, long id, PeekedMessage found, string reason, DateTimeOffset now, DateTimeOffset steady)
    {
        MessageInfoSql.End(db, id, reason, now, steady + Instants.DefaultRetention).Run();
        Settling.FreeKey(db, found.Kind, found.UniqueKey, id);
    }
}
