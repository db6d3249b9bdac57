using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite;

/// <summary>API keys.</summary>
internal sealed class SqliteApiKeys(SqliteStore store) : IApiKeyStore
{
    public async ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(key);
        await store.WriteAsync(null, db =>
        {
            ApiKeySql.Add(db, key);
            return true;
        }, cancel);
    }

    public ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel) => new(store.Readers.Read(db => ApiKeySql.Find(db, prefix)));

    public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) =>
        new(store.Readers.Read(db => ApiKeySql.List(db, principal, after, limit)));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) => store.WriteAsync(null, db => ApiKeySql.Revoke(db, prefix, store.Now), cancel);

    public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, DateTimeOffset until, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(successor);
        return store.WriteAsync(
            null,
            db =>
            {
                if (!ApiKeySql.EndBy(db, prefix, until, store.Now)) return false;
                ApiKeySql.Add(db, successor);
                return true;
            },
            cancel);
    }

    public async ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uses);
        await store.WriteAsync(
            null,
            db =>
            {
                foreach (var (prefix, at) in uses) ApiKeySql.NoteUse(db, prefix, at);
                return true;
            },
            cancel);
    }

    public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) => store.WriteAsync(null, db => ApiKeySql.Prune(db, store.Now - keepFor, limit), cancel);
}
