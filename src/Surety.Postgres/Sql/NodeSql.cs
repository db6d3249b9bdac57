using Npgsql;
using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>Who works on this store.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class NodeSql(string s)
{
    private readonly string join =
        $"""
        INSERT INTO {s}.node (name, joined_at, lease_until) VALUES ($1, {s}.now(), {s}.now() + $2)
        RETURNING id, (SELECT count(*)::int FROM {s}.node n WHERE n.dead_at IS NULL AND n.lease_until > {s}.now())
        """;

    private readonly string heartbeat =
        $"""
        UPDATE {s}.node SET lease_until = {s}.now() + $2 WHERE id = $1 AND dead_at IS NULL
        RETURNING (SELECT count(*)::int FROM {s}.node n WHERE n.id < $1 AND n.dead_at IS NULL AND n.lease_until > {s}.now()),
            (SELECT count(*)::int FROM {s}.node n WHERE n.id <> $1 AND n.dead_at IS NULL AND n.lease_until > {s}.now())
        """;

    private readonly string isAlive = $"SELECT id FROM {s}.node WHERE id = $1 AND dead_at IS NULL FOR UPDATE";
    private readonly string leave = $"UPDATE {s}.node SET dead_at = {s}.now() WHERE id = $1 AND dead_at IS NULL";
    private readonly string hasDead =
        $"SELECT EXISTS (SELECT FROM {s}.node WHERE dead_at IS NULL AND lease_until <= {s}.now() OR dead_at IS NOT NULL AND NOT emptied)";
    private readonly string presumeDead =
        $"UPDATE {s}.node SET dead_at = {s}.now() WHERE dead_at IS NULL AND lease_until <= {s}.now() RETURNING name";

    // A day later no claim of it can still be on its way.
    private readonly string forgetDead = $"DELETE FROM {s}.node n WHERE dead_at < {s}.now() - interval '1 day' AND emptied";

    /// <summary>The new node, and how many others are alive, all of which joined before it.</summary>
    public NpgsqlBatchCommand Join(string name, TimeSpan lease) => Statement.Of(join).With(name).With(lease);

    /// <summary>One row, if the node is alive: how many others are that joined before it, and how many others in all.</summary>
    public NpgsqlBatchCommand Heartbeat(NodeId node, TimeSpan lease) => Statement.Of(heartbeat).With(node.Value).With(lease);

    public NpgsqlBatchCommand IsAlive(NodeId node) => Statement.Of(isAlive).With(node.Value);

    public NpgsqlBatchCommand Leave(NodeId node) => Statement.Of(leave).With(node.Value);

    public NpgsqlBatchCommand HasDead() => Statement.Of(hasDead);

    public NpgsqlBatchCommand PresumeDead() => Statement.Of(presumeDead);

    public NpgsqlBatchCommand ForgetDead() => Statement.Of(forgetDead);
}
