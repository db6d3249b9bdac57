using System.Collections.Concurrent;
using System.Collections.Immutable;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>Who works. Holding the lock on the file proves that every earlier process is gone, so their leases end at once.</summary>
internal sealed class SqliteNodes(SqliteStore store) : INodeStore
{
    // A join must not find the lock taken that a leave is about to release.
    private readonly SemaphoreSlim turn = new(1, 1);

    // This process's own: since when, and for how long, by the clock that does not jump.
    private readonly ConcurrentDictionary<NodeId, (long Since, TimeSpan Lease)> leases = [];

    public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            return store.Lock.TryTake() is { } fresh ? await JoinAsync(name, lease, fresh, cancel) : null;
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel)
    {
        var since = store.Time.GetTimestamp();
        var alive = await store.WriteAsync(null, db => NodeSql.Heartbeat(db, node, store.Now + lease), cancel);
        if (alive) leases[node] = (since, lease);
        else leases.TryRemove(node, out _);
        return alive;
    }

    /// <summary>Renews what has not run out but by a clock that jumped.</summary>
    public void Correct(Statements db)
    {
        foreach (var (node, (since, lease)) in leases)
        {
            if (lease - store.Time.GetElapsedTime(since) is var left && left > TimeSpan.Zero) NodeSql.Heartbeat(db, node, store.Now + left);
        }
    }

    public async ValueTask LeaveAsync(NodeId node, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            var last = await store.WriteAsync(null, db =>
            {
                if (NodeSql.IsAlive(db, node))
                {
                    MessageSql.HandBack(db, node, ImmutableHashSet<Claim>.Empty, LostAttempt.ProcessEnded, store.Now);
                    NodeSql.Leave(db, node);
                }

                return !NodeSql.Anyone(db);
            }, cancel);
            leases.TryRemove(node, out _);
            if (last) store.Lock.Dispose();
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<NodeId> JoinAsync(string name, TimeSpan lease, bool fresh, CancellationToken cancel)
    {
        try
        {
            return await store.WriteAsync(null, db =>
            {
                if (fresh) NodeSql.EndLeases(db);
                return NodeSql.Join(db, name, store.Now, lease);
            }, cancel);
        }
        catch when (fresh)
        {
            // The next try must end the old leases, too.
            store.Lock.Dispose();
            throw;
        }
    }
}
