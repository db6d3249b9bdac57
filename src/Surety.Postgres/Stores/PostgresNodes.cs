using Surety.Postgres.Connections;
using Surety.Postgres.Segments;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>Who works.</summary>
internal sealed class PostgresNodes(
    PostgresSession session, PostgresSegments segments, Hints hints, NodeSql sql, MessageSql messages) : INodeStore
{
    public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
    {
        var (node, others) = await session.WriteAsync(null, async reader =>
        {
            await reader.ReadAsync(CancellationToken.None);
            return (new NodeId(reader.GetInt64(0)), reader.GetInt32(1));
        }, cancel, sql.Join(StoredText.Cut(name, 200), lease));
        hints.Joined(node);
        hints.Rank = new NodeRank(others, others + 1);
        return node;
    }

    public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) =>
        session.WriteAsync(null, async reader =>
        {
            if (!await reader.ReadAsync(CancellationToken.None)) return false;
            hints.Rank = new NodeRank(reader.GetInt32(0), reader.GetInt32(1) + 1);
            return true;
        }, cancel, sql.Heartbeat(node, lease));

    public async ValueTask LeaveAsync(NodeId node, CancellationToken cancel)
    {
        await session.TransactAsync(async transaction =>
        {
            if (!await session.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel), cancel, sql.IsAlive(node)))
                return false;
            return await session.WriteAsync(
                transaction,
                _ => Task.FromResult(true),
                cancel,
                segments.TakeOut(node, int.MaxValue),
                messages.HandBack(node, [], LostAttempt.ProcessEnded),
                sql.Leave(node));
        }, cancel);
        hints.Left(node);
        hints.Committed(News.ForAny);
    }
}
