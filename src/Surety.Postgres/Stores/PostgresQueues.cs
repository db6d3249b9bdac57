using Surety.Intake;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;

namespace Surety.Postgres.Stores;

/// <summary>Queues as operators see them.</summary>
internal sealed class PostgresQueues(PostgresSession session, Hints hints, QueueSql sql) : IQueues
{
    public ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        session.ReadAsync<IReadOnlyList<QueueInfo>>(async reader =>
        {
            var queues = new List<QueueInfo>();
            while (await reader.ReadAsync(cancellationToken)) queues.Add(QueueSql.Read(reader));
            return queues;
        }, cancellationToken, sql.List());

    public async ValueTask PauseAsync(string queue, string reason, CancellationToken cancellationToken = default)
    {
        Names.ThrowIfNoName(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reason.Length, 200, nameof(reason));
        session.ThrowIfBeside(nameof(PauseAsync));
        await session.WriteAsync(null, _ => Task.FromResult(true), cancellationToken, sql.Pause(queue, reason));
    }

    public async ValueTask ResumeAsync(string queue, CancellationToken cancellationToken = default)
    {
        Names.ThrowIfNoName(queue);
        session.ThrowIfBeside(nameof(ResumeAsync));
        await session.WriteAsync(null, _ => Task.FromResult(true), cancellationToken, sql.Resume(queue));
        hints.Committed(News.ForAny);
    }
}
