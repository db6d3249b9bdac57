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

    public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(CancellationToken cancel) => new(store.Readers.Read(ApiKeySql.List));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) => store.WriteAsync(null, db => ApiKeySql.Revoke(db, prefix, store.Now), cancel);
}
