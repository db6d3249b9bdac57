using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>Who works. Holding the lock on the file proves that every earlier process is gone, so their leases end at once.</summary>
internal sealed class SqliteNodes(SqliteStore store) : INodeStore
{
    private int joined;

    public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
    {
        if (store.Lock.TryTake() is not { } fresh) return null;
        try
        {
            var node = await store.WriteAsync(null, db =>
            {
                if (fresh) NodeSql.EndLeases(db);
                return NodeSql.Join(db, name, store.Now, lease);
            }, cancel);
            Interlocked.Increment(ref joined);
            return node;
        }
        catch when (fresh)
        {
            // The next try must end the old leases, too.
            store.Lock.Dispose();
            throw;
        }
    }

    public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) =>
        store.WriteAsync(null, db => NodeSql.Heartbeat(db, node, store.Now + lease), cancel);

    public async ValueTask LeaveAsync(NodeId node, CancellationToken cancel)
    {
        var left = await store.WriteAsync(null, db =>
        {
            if (!NodeSql.IsAlive(db, node)) return false;
            MessageSql.HandBackAll(db, node, store.Now);
            NodeSql.Leave(db, node);
            return true;
        }, cancel);
        if (left && Interlocked.Decrement(ref joined) == 0) store.Lock.Dispose();
    }
}
