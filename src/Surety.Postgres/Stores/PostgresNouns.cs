using System.Buffers.Binary;
using System.Data.Common;
using Npgsql;
using Surety.Intake;
using Surety.Postgres.Hosting;
using Surety.Postgres.Sql;
using Surety.Postgres.Wakeups;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>Who works.</summary>
internal sealed class PostgresNodes(PostgresStore store, NodeSql sql, MessageSql messages) : INodeStore
{
    public async ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel)
    {
        var (node, others) = await store.Connections.WriteAsync(null, async reader =>
        {
            await reader.ReadAsync(CancellationToken.None);
            return (new NodeId(reader.GetInt64(0)), reader.GetInt32(1));
        }, cancel, sql.Join(StoredText.Cut(name, 200), lease));
        store.Hints.Joined(node);
        store.Hints.Rank = new NodeRank(others, others + 1);
        return node;
    }

    public ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader =>
        {
            if (!await reader.ReadAsync(CancellationToken.None)) return false;
            store.Hints.Rank = new NodeRank(reader.GetInt32(0), reader.GetInt32(1) + 1);
            return true;
        }, cancel, sql.Heartbeat(node, lease));

    public async ValueTask LeaveAsync(NodeId node, CancellationToken cancel)
    {
        await store.Connections.TransactAsync(async transaction =>
        {
            if (!await store.Connections.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel), cancel, sql.IsAlive(node))) return false;
            return await store.Connections.WriteAsync(transaction, _ => Task.FromResult(true), cancel, store.Segments.TakeOut(node, int.MaxValue), messages.HandBack(node, [], LostAttempt.ProcessEnded), sql.Leave(node));
        }, cancel);
        store.Hints.Left(node);
        store.Hints.Committed(News.ForAny);
    }
}

/// <summary>Queues as operators see them.</summary>
internal sealed class PostgresQueues(PostgresStore store, QueueSql sql) : IQueues
{
    public ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancel = default) => store.Connections.ReadAsync<IReadOnlyList<QueueInfo>>(async reader =>
    {
        var queues = new List<QueueInfo>();
        while (await reader.ReadAsync(cancel)) queues.Add(QueueSql.Read(reader));
        return queues;
    }, cancel, sql.List());

    public async ValueTask PauseAsync(string queue, string reason, CancellationToken cancel = default)
    {
        Names.ThrowIfNoName(queue);
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(reason.Length, 200, nameof(reason));
        store.ThrowIfBeside(nameof(PauseAsync));
        await store.Connections.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.Pause(queue, reason));
    }

    public async ValueTask ResumeAsync(string queue, CancellationToken cancel = default)
    {
        Names.ThrowIfNoName(queue);
        store.ThrowIfBeside(nameof(ResumeAsync));
        await store.Connections.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.Resume(queue));
        store.Hints.Committed(News.ForAny);
    }
}

/// <summary>Answered requests.</summary>
internal sealed class PostgresIdempotency(PostgresStore store, IdempotencySql sql) : IIdempotencyStore
{
    public async ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        var bytes = key.ToArray();
        Span<byte> first = stackalloc byte[sizeof(long)];
        first.Clear();
        bytes.AsSpan(0, Math.Min(first.Length, bytes.Length)).CopyTo(first);
        var (isLocked, isThere) = await store.Connections.WriteAsync(transaction, async reader =>
        {
            await reader.ReadAsync(cancel);
            var isLocked = reader.GetBoolean(0);
            await reader.NextResultAsync(cancel);
            return (isLocked, await reader.ReadAsync(cancel));
        }, cancel, sql.Lock(BinaryPrimitives.ReadInt64BigEndian(first)), sql.IsThere(bytes));
        if (!isLocked) return new KeyAnswer(KeyState.InProgress);
        if (!isThere) return new KeyAnswer(KeyState.Taken);
        return await store.Connections.WriteAsync(transaction, async reader => await reader.ReadAsync(cancel) ? IdempotencySql.Read(reader) : new KeyAnswer(KeyState.Taken), cancel, sql.Forget(bytes), sql.Find(bytes));
    }

    public async ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        try
        {
            await store.Connections.WriteAsync(transaction, _ => Task.FromResult(true), cancel, Answer(key, answer));
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

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancel, sql.Prune(limit));

    private NpgsqlBatchCommand Answer(ReadOnlyMemory<byte> key, KeyRecord answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNotEqual(answer.Fingerprint.Length, 32, nameof(answer));
        return sql.Answer(key, answer);
    }

    private static InvalidOperationException HasAnswer() => new("The idempotency key has an answer already. Take it first.");
}

/// <summary>API keys.</summary>
internal sealed class PostgresApiKeys(PostgresStore store, ApiKeySql sql) : IApiKeyStore
{
    public async ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(key);
        await store.Connections.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.Add(key));
    }

    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
    {
        var (key, toBeNoted) = await store.Connections.ReadAsync<(ApiKeyRecord?, bool)>(
            async reader => await reader.ReadAsync(cancel) ? (ApiKeySql.Read(reader), ApiKeySql.ToBeNoted(reader)) : (null, false), cancel, sql.Find(prefix));
        if (!toBeNoted) return key;
        try
        {
            await EndExpiredAsync(cancel);
        }
        catch (StoreException)
        {
            // It has ended all the same; the next look notes it.
        }

        return key;
    }

    public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) => store.Connections.ReadAsync<IReadOnlyList<ApiKeyRecord>>(async reader =>
    {
        var keys = new List<ApiKeyRecord>();
        while (await reader.ReadAsync(cancel)) keys.Add(ApiKeySql.Read(reader));
        return keys;
    }, cancel, sql.List(principal, after, limit));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None), cancel, sql.Revoke(prefix));

    public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(successor);
        return store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None), cancel, sql.Rotate(prefix, successor, overlap));
    }

    public ValueTask<int> EndExpiredAsync(CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancel, sql.EndExpired());

    public async ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uses);
        await store.Connections.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.NoteUses(uses));
    }

    public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) =>
        store.Connections.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancel, sql.Prune(keepFor, limit));
}
