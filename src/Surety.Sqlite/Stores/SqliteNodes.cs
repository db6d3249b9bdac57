using System.Collections.Immutable;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>
/// Who works. Holding the lock on the file proves that every earlier process is gone, so their leases end at once. Leases run by the file's
/// own time: no clock that is set ends one.
/// </summary>
internal sealed class SqliteNodes(SqliteSession session, WorkerLock workerLock) : INodeStore
{
    // A join must not find the lock taken that a leave is about to release.
    private readonly SemaphoreSlim turn = new(1, 1);

    public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            return workerLock.TryTake() is { } fresh ? await JoinAsync(name, lease, fresh, cancel) : null;
        }
        finally
        {
            turn.Release();
        }
    }

    public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) => session.WriteAsync(null, db =>
    {
        session.NoteTime(db);
        return NodeSql.Heartbeat(db, node, session.Steady + lease).Run() == 1;
    }, cancel);

    public async ValueTask LeaveAsync(NodeId node, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            var last = await session.WriteAsync(null, db =>
            {
                if (NodeSql.IsAlive(db, node).Any())
                {
                    GivingBack.HandBack(db, node, ImmutableHashSet<Claim>.Empty, LostAttempt.ProcessEnded, session.Now);
                    NodeSql.Leave(db, node).Run();
                }

                return !NodeSql.Anyone(db).Any();
            }, cancel);
            if (last) workerLock.Dispose();
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
            return await session.WriteAsync(null, db =>
            {
                if (fresh) NodeSql.EndLeases(db).Run();
                NodeSql.Join(db, StoredText.Cut(name, 200), session.Now, session.Steady + lease).Run();
                return new NodeId(db.LastId);
            }, cancel);
        }
        catch when (fresh)
        {
            // The next try must end the old leases, too.
            workerLock.Dispose();
            throw;
        }
    }
}
