using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>API keys.</summary>
internal sealed class SqliteApiKeys(SqliteStore store) : IApiKeyStore
{
    // How long a look-up waits for the write lock to note what it found. Who sends a key that has ended is refused whether or not that is
    // noted.
    private static readonly TimeSpan NotePatience = TimeSpan.FromSeconds(1);

    public async ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(key);
        await store.WriteAsync(null, db =>
        {
            ApiKeySql.Add(db, key);
            return true;
        }, cancel);
    }

    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
    {
        var (key, toBeNoted) = store.Readers.Read(db => ApiKeySql.Find(db, prefix, store.Now));
        if (!toBeNoted || AmbientUnit.IsIn(store.StoreId)) return key;
        try
        {
            await EndExpiredAsync(cancel).AsTask().WaitAsync(NotePatience, cancel);
        }
        catch (Exception e) when (e is StoreException or TimeoutException)
        {
            // It has ended all the same; the next look notes it.
        }

        return key;
    }

    public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) =>
        new(store.Readers.Read(db => ApiKeySql.List(db, principal, after, limit, store.Now)));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) => store.WriteAsync(null, db => ApiKeySql.Revoke(db, prefix, store.Now), cancel);

    public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(successor);
        return store.WriteAsync(
            null,
            db =>
            {
                if (!ApiKeySql.Replace(db, prefix, overlap, store.Now)) return false;
                ApiKeySql.Add(db, successor);
                return true;
            },
            cancel);
    }

    public async ValueTask<int> EndExpiredAsync(CancellationToken cancel) =>
        store.Readers.Read(db => ApiKeySql.HasExpired(db, store.Now)) ? await store.WriteAsync(null, db => ApiKeySql.EndExpired(db, store.Now), cancel) : 0;

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
