using System.Data.Common;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>Answered requests.</summary>
internal sealed class SqliteIdempotency(SqliteStore store) : IIdempotencyStore
{
    // There is one write transaction at a time: a request that has begun one and finds no record has the key.
    public ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        return store.WriteAsync(transaction, db => IdempotencySql.Find(db, key.Span, store.Steady) ?? new KeyAnswer(KeyState.Taken), cancel);
    }

    public async ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNotEqual(answer.Fingerprint.Length, 32, nameof(answer));
        if (!await store.WriteAsync(transaction, db => IdempotencySql.Answer(db, key.Span, answer, store.Steady), cancel))
            throw new InvalidOperationException("The idempotency key has an answer already. Take it first.");
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancel) => store.WriteAsync(null, db => IdempotencySql.Prune(db, store.Steady, limit), cancel);
}
