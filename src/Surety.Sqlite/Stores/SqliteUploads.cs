using System.Data.Common;
using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>Uploads.</summary>
internal sealed class SqliteUploads(SqliteStore store) : IUploadStore
{
    public ValueTask<UploadRecord?> AddAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(upload);
        return store.WriteAsync(null, db => UploadSql.Add(db, upload, store.Now, store.Steady, expireAfter, mostOpen), cancel);
    }

    // A handler that holds the write lock may read its upload: what a reader sees was synced before it could be seen.
    public ValueTask<UploadRecord?> FindAsync(string id, CancellationToken cancel) => AmbientUnit.IsIn(store.StoreId)
        ? new(store.Readers.Read(db => UploadSql.Look(db, id, store.Now, store.Steady)))
        : store.WriteAsync(null, db => UploadSql.Find(db, id, store.Now, store.Steady), cancel);

    public ValueTask<bool> ExistsAsync(string id, CancellationToken cancel) => new(store.Readers.Read(db => UploadSql.Exists(db, id)));

    public ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel) =>
        store.WriteAsync(null, db => UploadSql.Take(db, id, route, owner, offset, store.Now, store.Steady), cancel);

    public ValueTask<bool> SetLengthAsync(string id, long writer, long length, CancellationToken cancel) =>
        store.WriteAsync(null, db => UploadSql.SetLength(db, id, writer, length), cancel);

    public ValueTask<bool> AdvanceAsync(string id, UploadStep step, CancellationToken cancel) =>
        store.WriteAsync(null, db => UploadSql.Advance(db, id, step, store.Steady), cancel);

    public ValueTask<bool> CompleteAsync(string id, ReadOnlyMemory<byte> sha256, MessageId message, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return store.WriteAsync(transaction, db => UploadSql.Complete(db, id, sha256.Span, message, store.Steady), cancel);
    }

    public ValueTask<bool> EndAsync(string id, UploadState from, UploadState to, TimeSpan lookAfter, CancellationToken cancel) =>
        store.WriteAsync(null, db => UploadSql.End(db, id, from, to, store.Steady + lookAfter), cancel);

    public ValueTask<IReadOnlyList<UploadRecord>> DueAsync(int limit, CancellationToken cancel) => new(store.Readers.Read(db => UploadSql.Due(db, store.Now, store.Steady, limit)));

    public async ValueTask LookAgainAsync(string id, TimeSpan after, CancellationToken cancel) => await store.WriteAsync(null, db =>
    {
        UploadSql.LookAgain(db, id, store.Steady + after);
        return true;
    }, cancel);

    public async ValueTask RemoveAsync(string id, CancellationToken cancel) => await store.WriteAsync(null, db =>
    {
        UploadSql.Remove(db, id);
        return true;
    }, cancel);
}
