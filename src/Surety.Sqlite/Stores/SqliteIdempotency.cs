using System.Data.Common;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>Answered requests.</summary>
internal sealed class SqliteIdempotency(SqliteSession session) : IIdempotencyStore
{
    // There is one write transaction at a time: a request that has begun one and finds no record has the key.
    public ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        return session.WriteAsync(
            transaction,
            db => IdempotencySql.Find(db, key.Span, session.Steady).Changed(IdempotencySql.Read, none: new KeyAnswer(KeyState.Taken)),
            cancel);
    }

    public async ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(answer.Fingerprint.Length, 64, nameof(answer));
        if (await session.WriteAsync(transaction, db => IdempotencySql.Answer(db, key.Span, answer, session.Steady).Run() == 0, cancel))
            throw new InvalidOperationException("The idempotency key has an answer already. Take it first.");
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) =>
        session.WriteAsync(null, db => IdempotencySql.Prune(db, session.Steady, limit).Run(), cancellationToken);
}
