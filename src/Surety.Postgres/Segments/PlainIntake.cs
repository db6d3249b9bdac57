using System.Collections.Concurrent;
using System.Data.Common;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Segments;

/// <summary>The way of plain messages into the segments.</summary>
internal sealed class PlainIntake
{
    private readonly PostgresSession session;
    private readonly PostgresSegments segments;
    private readonly QueueSql queues;
    private readonly SharedCommit shared;

    // Queues that are known to be listed.
    private readonly ConcurrentDictionary<string, bool> noted = [];

    public PlainIntake(PostgresSession session, PostgresSegments segments, QueueSql queues)
    {
        (this.session, this.segments, this.queues) = (session, segments, queues);
        shared = new SharedCommit((messages, cancel) => WriteAsync(messages, null, cancel));
    }

    public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel) =>
        transaction is null && messages.Count <= SharedCommit.MostOfACall
            ? shared.EnqueueAsync(messages, cancel) : WriteAsync(messages, transaction, cancel);

    private async ValueTask<IReadOnlyList<Enqueued>> WriteAsync(
        IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel)
    {
        var unknown = Unknown(messages);
        return await session.WriteAsync(transaction, async reader =>
        {
            var ids = new Enqueued[messages.Count];
            for (var i = 0; await reader.ReadAsync(CancellationToken.None); i++)
                ids[i] = new Enqueued(new MessageId(reader.GetInt64(0)), IsDuplicate: false);
            if (unknown.Length == 0) return ids;
            await reader.NextResultAsync(CancellationToken.None);
            // Those that were there before: what this one adds, or leaves to another one, may yet be rolled back.
            while (await reader.ReadAsync(CancellationToken.None)) noted[reader.GetString(0)] = true;
            return ids;
        }, cancel, unknown.Length == 0 ? [segments.Insert(messages)] : [segments.Insert(messages), queues.Note(unknown)]);
    }

    private string[] Unknown(IReadOnlyList<NewMessage> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (!noted.ContainsKey(messages[i].Queue))
                return [.. messages.Select(m => m.Queue).Where(q => !noted.ContainsKey(q)).Distinct()];
        }

        return [];
    }
}
