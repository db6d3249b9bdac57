using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>Who works on this store.</summary>
internal static class NodeSql
{
    private const string JoinText = "INSERT INTO surety_node (name, joined_at, lease_until) VALUES (?1, ?2, ?3)";

    // The rescue that follows presumes them dead, and says so.
    private const string EndLeasesText = "UPDATE surety_node SET lease_until = 0 WHERE dead = 0";

    private const string HeartbeatText = "UPDATE surety_node SET lease_until = ?2 WHERE id = ?1 AND dead = 0";

    private const string HasDeadText = "SELECT 1 FROM surety_node WHERE dead = 1 OR lease_until <= ?1 LIMIT 1";

    private const string IsAliveText = "SELECT 1 FROM surety_node WHERE id = ?1 AND dead = 0";

    // Leases that were ended with their process are not somebody's.
    private const string AnyoneText = "SELECT 1 FROM surety_node WHERE dead = 0 AND lease_until > 0 LIMIT 1";

    private const string PresumeDeadText = "UPDATE surety_node SET dead = 1 WHERE dead = 0 AND lease_until <= ?1 RETURNING name";

    private const string ForgetDeadText = "DELETE FROM surety_node WHERE dead = 1 AND NOT EXISTS (SELECT 1 FROM surety_message WHERE state = 4 AND node = surety_node.id)";

    private const string LeaveText = "DELETE FROM surety_node WHERE id = ?1";

    public static NodeId Join(Statements db, string name, DateTimeOffset now, DateTimeOffset leaseUntil)
    {
        db.Prepare(JoinText).WithText(name).With(now).With(leaseUntil).Run();
        return new NodeId(db.LastId);
    }

    public static void EndLeases(Statements db) => db.Run(EndLeasesText);

    public static bool Heartbeat(Statements db, NodeId node, DateTimeOffset leaseUntil) => db.Prepare(HeartbeatText).With(node.Value).With(leaseUntil).Run() == 1;

    /// <summary>Whether a node is dead, or about to be presumed so.</summary>
    public static bool HasDead(Statements db, DateTimeOffset steady) => db.Prepare(HasDeadText).With(steady).Number() is not null;

    public static bool IsAlive(Statements db, NodeId node) => db.Prepare(IsAliveText).With(node.Value).Number() is not null;

    /// <summary>Whether any node has joined, and neither left nor been presumed dead.</summary>
    public static bool Anyone(Statements db) => db.Prepare(AnyoneText).Number() is not null;

    public static IReadOnlyList<string> PresumeDead(Statements db, DateTimeOffset steady)
    {
        var names = new List<string>();
        var rows = db.Prepare(PresumeDeadText).With(steady);
        while (rows.Step()) names.Add(rows.Text(0));
        return names;
    }

    /// <summary>Deletes dead nodes that hold nothing any more.</summary>
    public static void ForgetDead(Statements db) => db.Run(ForgetDeadText);

    public static void Leave(Statements db, NodeId node) => db.Prepare(LeaveText).With(node.Value).Run();
}
