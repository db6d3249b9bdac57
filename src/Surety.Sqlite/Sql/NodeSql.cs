using Surety.Storage;
using static Surety.Storage.MessageState;

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

    private static readonly string ForgetDeadText =
        $"""
        DELETE FROM surety_node
        WHERE dead = 1 AND NOT EXISTS (SELECT 1 FROM surety_message WHERE state = {Running:D} AND node = surety_node.id)
        """;

    private const string LeaveText = "DELETE FROM surety_node WHERE id = ?1";

    public static Statement Join(Statements db, string name, DateTimeOffset now, DateTimeOffset leaseUntil) =>
        db.Prepare(JoinText).WithText(name).With(now).With(leaseUntil);

    public static Statement EndLeases(Statements db) => db.Prepare(EndLeasesText);

    public static Statement Heartbeat(Statements db, NodeId node, DateTimeOffset leaseUntil) =>
        db.Prepare(HeartbeatText).With(node.Value).With(leaseUntil);

    /// <summary>A row, if a node is dead, or about to be presumed so.</summary>
    public static Statement HasDead(Statements db, DateTimeOffset steady) => db.Prepare(HasDeadText).With(steady);

    /// <summary>A row, if the node is alive.</summary>
    public static Statement IsAlive(Statements db, NodeId node) => db.Prepare(IsAliveText).With(node.Value);

    /// <summary>A row, if any node has joined, and neither left nor been presumed dead.</summary>
    public static Statement Anyone(Statements db) => db.Prepare(AnyoneText);

    /// <summary>Answers with the names of those whose lease has run out.</summary>
    public static Statement PresumeDead(Statements db, DateTimeOffset steady) => db.Prepare(PresumeDeadText).With(steady);

    /// <summary>Deletes dead nodes that hold nothing any more.</summary>
    public static Statement ForgetDead(Statements db) => db.Prepare(ForgetDeadText);

    public static Statement Leave(Statements db, NodeId node) => db.Prepare(LeaveText).With(node.Value);
}
