using Surety.Intake;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>Queues as operators see them.</summary>
internal sealed class SqliteQueues(SqliteStore store) : IQueues
{
    public ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancel = default) => new(store.Readers.Read(db => QueueSql.List(db, store.Now)));

    public async ValueTask PauseAsync(string queue, string reason, CancellationToken cancel = default)
    {
        Names.ThrowIfNoName(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reason.Length, 200, nameof(reason));
        store.ThrowIfBeside(nameof(PauseAsync));
        await store.WriteAsync(null, db =>
        {
            QueueSql.Pause(db, queue, reason, store.Now);
            return true;
        }, cancel);
    }

    public async ValueTask ResumeAsync(string queue, CancellationToken cancel = default)
    {
        Names.ThrowIfNoName(queue);
        store.ThrowIfBeside(nameof(ResumeAsync));
        await store.WriteAsync(null, db =>
        {
            QueueSql.Resume(db, queue);
            return true;
        }, cancel);
    }
}
