using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>API keys.</summary>
internal sealed class PostgresApiKeys(PostgresSession session, ApiKeySql sql) : IApiKeyStore
{
    public async ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(key);
        await session.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.Add(key));
    }

    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
    {
        var (key, toBeNoted) = await session.ReadAsync<(ApiKeyRecord?, bool)>(
            async reader => await reader.ReadAsync(cancel) ? (ApiKeySql.Read(reader), ApiKeySql.ToBeNoted(reader)) : (null, false),
            cancel,
            sql.Find(prefix));
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

    public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) =>
        session.ReadAsync<IReadOnlyList<ApiKeyRecord>>(async reader =>
        {
            var keys = new List<ApiKeyRecord>();
            while (await reader.ReadAsync(cancel)) keys.Add(ApiKeySql.Read(reader));
            return keys;
        }, cancel, sql.List(principal, after, limit));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) =>
        session.WriteAsync(null, async reader => await reader.ReadAsync(CancellationToken.None), cancel, sql.Revoke(prefix));

    public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(successor);
        return session.WriteAsync(
            null, async reader => await reader.ReadAsync(CancellationToken.None), cancel, sql.Rotate(prefix, successor, overlap));
    }

    public ValueTask<int> EndExpiredAsync(CancellationToken cancel) =>
        session.WriteAsync(
            null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancel, sql.EndExpired());

    public async ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uses);
        await session.WriteAsync(null, _ => Task.FromResult(true), cancel, sql.NoteUses(uses));
    }

    public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) =>
        session.WriteAsync(
            null,
            async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0,
            cancel,
            sql.Prune(keepFor, limit));
}
