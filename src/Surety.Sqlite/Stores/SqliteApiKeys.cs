using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>API keys.</summary>
internal sealed class SqliteApiKeys(SqliteSession session) : IApiKeyStore
{
    // How long a look-up waits for the write lock to note what it found. Who sends a key that has ended is refused whether or not that is
    // noted.
    private static readonly TimeSpan NotePatience = TimeSpan.FromSeconds(1);

    public async ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(key);
        await session.WriteAsync(null, db => ApiKeySql.Add(db, key).Run(), cancel);
    }

    public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel)
    {
        var toBeNoted = false;
        var key = session.Read(db => ApiKeySql.Find(db, prefix, session.Now).One(row =>
        {
            toBeNoted = ApiKeySql.ToBeNoted(row);
            return ApiKeySql.Read(row);
        }));
        if (!toBeNoted || session.IsInUnit) return key;
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
        new(session.Read(db => ApiKeySql.List(db, principal, after, limit, session.Now).All(ApiKeySql.Read)));

    public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) =>
        session.WriteAsync(null, db => ApiKeySql.Revoke(db, prefix, session.Now).Run() == 1, cancel);

    public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(successor);
        return session.WriteAsync(null, db =>
        {
            if (ApiKeySql.Replace(db, prefix, overlap, session.Now).Run() == 0) return false;
            ApiKeySql.Add(db, successor).Run();
            return true;
        }, cancel);
    }

    public async ValueTask<int> EndExpiredAsync(CancellationToken cancel) => session.Read(db => ApiKeySql.HasExpired(db, session.Now).Any())
        ? await session.WriteAsync(null, db => ApiKeySql.EndExpired(db, session.Now).Run(), cancel)
        : 0;

    public async ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uses);
        await session.WriteAsync(null, db =>
        {
            foreach (var (prefix, at) in uses) ApiKeySql.NoteUse(db, prefix, at).Run();
        }, cancel);
    }

    public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) =>
        session.WriteAsync(null, db => ApiKeySql.Prune(db, session.Now - keepFor, limit).Run(), cancel);
}
