using System.Collections.Immutable;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>
/// Who works. Holding the lock on the file proves that every earlier process is gone, so their leases end at once. Leases run by the file's
/// own time: no clock that is set ends one.
/// </summary>
internal sealed class SqliteNodes(SqliteStore store) : INodeStore
{
    // A join must not find the lock taken that a leave is about to release.
    private readonly SemaphoreSlim turn = new(1, 1);

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

    public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) => store.WriteAsync(null, db =>
    {
        store.NoteTime(db);
        return NodeSql.Heartbeat(db, node, store.Steady + lease);
    }, cancel);

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
                return NodeSql.Join(db, StoredText.Cut(name, 200), store.Now, store.Steady + lease);
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
