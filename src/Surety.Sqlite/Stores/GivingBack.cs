using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>
/// Messages whose node is gone, or does not know of them, go back to their queues. All of it in a turn at the write lock.
/// </summary>
internal static class GivingBack
{
    /// <summary>Hands back what dead nodes held; returns how many.</summary>
    public static int OfDeadNodes(Statements db, int limit, DateTimeOffset now)
    {
        var lone = MessageSql.Lone(db).All(row => row.Long(0)).ToHashSet();
        var abandoned = MessageSql.Abandoned(db, limit).All(MessageSql.ReadHeld);
        foreach (var held in abandoned)
        {
            var isBlamed = IsBlamed(held, lone.Contains(held.NodeId));
            HandBack(
                db, isBlamed ? held with { Deaths = held.Deaths + 1, DiedAlone = held.RunsAlone } : held, LostAttempt.ProcessEnded, now);
        }

        return abandoned.Count;
    }

    /// <summary>Hands back what a node holds besides these; no death is counted. Returns how many.</summary>
    public static int HandBack(Statements db, NodeId node, IReadOnlySet<Claim> known, string why, DateTimeOffset now)
    {
        var unknown = MessageSql.Held(db, node).All(MessageSql.ReadHeld).FindAll(h => !known.Contains(h.Claim));
        foreach (var held in unknown) HandBack(db, held, why, now);
        return unknown.Count;
    }

    /// <summary>
    /// A suspect that was claimed but had not started cannot have killed the process. And a process dies as a whole: where one message ran
    /// alone, no other can be to blame. Pure.
    /// </summary>
    private static bool IsBlamed(HeldMessage held, bool someRanAlone) =>
        held.RunsAlone || (!someRanAlone && (held.Deaths == 0 || held.StartedClaim == held.ClaimNumber));

    private static void HandBack(Statements db, HeldMessage held, string why, DateTimeOffset now)
    {
        HistoryLines.Add(db, held.Id, new AttemptInfo(held.ClaimNumber, AttemptOutcome.Lost, why, held.Node, held.ClaimedAt, now));
        MessageSql.HandBack(db, held.Id, held.Deaths, held.DiedAlone).Run();
        db.MadeWork = true;
    }
}
