using System.Data.Common;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>Uploads.</summary>
internal sealed class SqliteUploads(SqliteSession session) : IUploadStore
{
    public ValueTask<UploadRecord?> AddAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(upload);
        return session.WriteAsync(null, db =>
        {
            var steady = session.Steady;
            if (UploadSql.CountOpen(db, upload.Owner, steady).Number() >= mostOpen) return null;
            UploadSql.Add(db, upload, session.Now, steady + expireAfter).Run();
            return UploadSql.Find(db, upload.Id, steady).Changed(Read);
        }, cancel);
    }

    // A handler that holds the write lock may read its upload: what a reader sees was synced before it could be seen.
    public ValueTask<UploadRecord?> FindAsync(string id, CancellationToken cancel) => session.IsInUnit
        ? new(session.Read(db => UploadSql.Look(db, id, session.Steady).One(Read)))
        : session.WriteAsync(null, db => UploadSql.Find(db, id, session.Steady).Changed(Read), cancel);

    public ValueTask<bool> ExistsAsync(string id, CancellationToken cancel) => new(session.Read(db => UploadSql.Exists(db, id).Any()));

    public ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel) =>
        session.WriteAsync(null, db => UploadSql.Take(db, id, route, owner, offset, session.Steady).Changed(Read), cancel);

    public ValueTask<bool> SetLengthAsync(string id, long writer, long length, CancellationToken cancel) =>
        WriteAsync(db => UploadSql.SetLength(db, id, writer, length), cancel);

    public ValueTask<bool> AdvanceAsync(string id, UploadStep step, CancellationToken cancel) =>
        WriteAsync(db => UploadSql.Advance(db, id, step, session.Steady), cancel);

    public ValueTask<bool> CompleteAsync(
        string id, ReadOnlyMemory<byte> sha256, MessageId message, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return WriteAsync(db => UploadSql.Complete(db, id, sha256.Span, message, session.Steady), cancel, transaction);
    }

    public ValueTask<bool> EndAsync(string id, UploadState from, UploadState to, TimeSpan lookAfter, CancellationToken cancel) =>
        WriteAsync(db => UploadSql.End(db, id, from, to, session.Steady + lookAfter), cancel);

    public ValueTask<IReadOnlyList<UploadRecord>> DueAsync(int limit, CancellationToken cancel) =>
        new(session.Read(db => UploadSql.Due(db, session.Steady, limit).All(Read)));

    public async ValueTask LookAgainAsync(string id, TimeSpan after, CancellationToken cancel) =>
        await WriteAsync(db => UploadSql.LookAgain(db, id, session.Steady + after), cancel);

    public async ValueTask RemoveAsync(string id, CancellationToken cancel) => await WriteAsync(db => UploadSql.Remove(db, id), cancel);

    /// <summary>Whether it changed a row.</summary>
    private ValueTask<bool> WriteAsync(Func<Statements, Statement> build, CancellationToken cancel, DbTransaction? transaction = null) =>
        session.WriteAsync(transaction, db => build(db).Run() == 1, cancel);

    private UploadRecord Read(Statement row) => UploadSql.Read(row, session.Now - session.Steady);
}
