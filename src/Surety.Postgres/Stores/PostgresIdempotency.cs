using System.Buffers.Binary;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>Answered requests.</summary>
internal sealed class PostgresIdempotency(PostgresSession session, IdempotencySql sql) : IIdempotencyStore
{
    public async ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        var bytes = key.ToArray();
        Span<byte> first = stackalloc byte[sizeof(long)];
        first.Clear();
        bytes.AsSpan(0, Math.Min(first.Length, bytes.Length)).CopyTo(first);
        var (isLocked, isThere) = await session.WriteAsync(transaction, async reader =>
        {
            await reader.ReadAsync(cancel);
            var isLocked = reader.GetBoolean(0);
            await reader.NextResultAsync(cancel);
            return (isLocked, await reader.ReadAsync(cancel));
        }, cancel, sql.Lock(BinaryPrimitives.ReadInt64BigEndian(first)), sql.IsThere(bytes));
        if (!isLocked) return new KeyAnswer(KeyState.InProgress);
        if (!isThere) return new KeyAnswer(KeyState.Taken);
        return await session.WriteAsync(
            transaction,
            async reader => await reader.ReadAsync(cancel) ? IdempotencySql.Read(reader) : new KeyAnswer(KeyState.Taken),
            cancel,
            sql.Forget(bytes),
            sql.Find(bytes));
    }

    public async ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        try
        {
            await session.WriteAsync(transaction, _ => Task.FromResult(true), cancel, Answer(key, answer));
        }
        catch (StoreException e) when (e.InnerException is PostgresException cause && sql.SaysAnswered(cause))
        {
            throw HasAnswer();
        }
    }

    public async ValueTask AnswerAndCommitAsync(ReadOnlyMemory<byte> key, KeyRecord answer, OwnedUnitOfWork work)
    {
        // One round trip instead of two; the unit of work may be another's that wraps ours.
        if (work is PostgresUnitOfWork own)
        {
            if (!await own.CommitAsync(Answer(key, answer), sql.SaysAnswered)) throw HasAnswer();
            return;
        }

        ArgumentNullException.ThrowIfNull(work);
        await AnswerAsync(key, answer, work.Transaction, CancellationToken.None);
        await work.CommitAsync();
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) =>
        session.WriteAsync(
            null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancellationToken,
            sql.Prune(limit));

    private NpgsqlBatchCommand Answer(ReadOnlyMemory<byte> key, KeyRecord answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(answer.Fingerprint.Length, 64, nameof(answer));
        return sql.Answer(key, answer);
    }

    private static InvalidOperationException HasAnswer() => new("The idempotency key has an answer already. Take it first.");
}
