using Surety.Intake;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;

namespace Surety.Sqlite.Stores;

/// <summary>Queues as operators see them.</summary>
internal sealed class SqliteQueues(SqliteSession session) : IQueues
{
    public ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        var now = session.Now;
        return new(session.Read(db => List(db, now)));
    }

    public async ValueTask PauseAsync(string queue, string reason, CancellationToken cancellationToken = default)
    {
        Names.ThrowIfNoName(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reason.Length, 200, nameof(reason));
        session.ThrowIfBeside(nameof(PauseAsync));
        await session.WriteAsync(null, db => QueueSql.Pause(db, queue, reason, session.Now).Run(), cancellationToken);
    }

    public async ValueTask ResumeAsync(string queue, CancellationToken cancellationToken = default)
    {
        Names.ThrowIfNoName(queue);
        session.ThrowIfBeside(nameof(ResumeAsync));
        await session.WriteAsync(null, db =>
        {
            QueueSql.Resume(db, queue).Run();
            db.MadeWork = true;
        }, cancellationToken);
    }

    private static IReadOnlyList<QueueInfo> List(Statements db, DateTimeOffset now)
    {
        var counts = new SortedDictionary<string, Counts>(StringComparer.Ordinal);
        var rows = QueueSql.List(db);
        while (rows.Step()) counts[rows.Text(0)] = new Counts { PausedReason = rows.TextOrNull(1), PausedAt = rows.InstantOrNull(2) };

        rows = QueueSql.CountReady(db);
        while (rows.Step()) Of(rows.Text(0)).AddDue(rows.Long(1), rows.Instant(2));
        // Due ones that no claim has moved on yet, and those behind a key, are as ready as any to a reader of the numbers.
        AddWaiting(QueueSql.CountScheduled(db, now));
        AddWaiting(QueueSql.CountBlocked(db, now));
        rows = QueueSql.CountRunning(db);
        while (rows.Step()) Of(rows.Text(0)).Running = rows.Long(1);
        rows = QueueSql.CountDead(db);
        while (rows.Step()) Of(rows.Text(0)).Dead = rows.Long(1);

        return [.. counts.Select(entry => entry.Value.ToInfo(entry.Key, now))];

        Counts Of(string queue) => counts.TryGetValue(queue, out var found) ? found : counts[queue] = new Counts();

        void AddWaiting(Statement waiting)
        {
            while (waiting.Step())
            {
                var of = Of(waiting.Text(0));
                of.Scheduled += waiting.Long(1);
                of.AddDue(waiting.Long(2), waiting.Instant(3));
            }
        }
    }

    private sealed class Counts
    {
        public long Ready, Scheduled, Running, Dead;
        public string? PausedReason;
        public DateTimeOffset? PausedAt, OldestDue;

        public void AddDue(long count, DateTimeOffset oldest)
        {
            if (count == 0) return;
            Ready += count;
            if (OldestDue is null || oldest < OldestDue) OldestDue = oldest;
        }

        public QueueInfo ToInfo(string queue, DateTimeOffset now) => new()
        {
            Queue = queue, Ready = Ready, Scheduled = Scheduled, Running = Running, Dead = Dead,
            PausedReason = PausedReason, PausedAt = PausedAt,
            OldestDueAge = OldestDue is { } due && due < now ? now - due : TimeSpan.Zero,
        };
    }
}
