using System.Data.Common;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>Answered requests.</summary>
internal sealed class SqliteIdempotency(SqliteStore store) : IIdempotencyStore
{
    public ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> fingerprint, TimeSpan keepFor, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNotEqual(fingerprint.Length, 32, nameof(fingerprint));
        return store.WriteAsync(transaction, db => IdempotencySql.Take(db, key.Span, fingerprint.Span, store.Now, keepFor), cancel);
    }

    public async ValueTask AnswerAsync(ReadOnlyMemory<byte> key, StoredAnswer answer, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(answer);
        if (!await store.WriteAsync(transaction, db => IdempotencySql.Answer(db, key.Span, answer), cancel))
            throw new InvalidOperationException("The idempotency key was not taken in this transaction, or has an answer already. Take it first.");
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancel) => store.WriteAsync(null, db => IdempotencySql.Prune(db, store.Now, limit), cancel);
}
