using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>Uploads.</summary>
internal sealed class PostgresUploads(PostgresSession session, UploadSql sql) : IUploadStore
{
    public ValueTask<UploadRecord?> AddAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(upload);
        return session.WriteAsync(null, async reader =>
        {
            // The lock's answer comes first.
            await reader.NextResultAsync(CancellationToken.None);
            return await ReadAsync(reader);
        }, cancel, UploadSql.LockOwner(upload.Owner), sql.Add(upload, expireAfter, mostOpen));
    }

    public ValueTask<UploadRecord?> FindAsync(string id, CancellationToken cancel) =>
        session.WriteAsync(null, ReadAsync, cancel, sql.Find(id));

    public ValueTask<bool> ExistsAsync(string id, CancellationToken cancel) =>
        session.ReadAsync(reader => reader.ReadAsync(cancel), cancel, sql.Exists(id));

    public ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel) =>
        session.WriteAsync(null, ReadAsync, cancel, sql.Take(id, route, owner, offset));

    public ValueTask<bool> SetLengthAsync(string id, long writer, long length, CancellationToken cancel) =>
        WriteAsync(sql.SetLength(id, writer, length), cancel);

    public ValueTask<bool> AdvanceAsync(string id, UploadStep step, CancellationToken cancel) => WriteAsync(sql.Advance(id, step), cancel);

    public ValueTask<bool> CompleteAsync(
        string id, ReadOnlyMemory<byte> sha256, MessageId message, DbTransaction transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return WriteAsync(sql.Complete(id, sha256, message), cancel, transaction);
    }

    public ValueTask<bool> EndAsync(string id, UploadState from, UploadState to, TimeSpan lookAfter, CancellationToken cancel) =>
        WriteAsync(sql.End(id, from, to, lookAfter), cancel);

    public ValueTask<IReadOnlyList<UploadRecord>> DueAsync(int limit, CancellationToken cancel) =>
        session.ReadAsync<IReadOnlyList<UploadRecord>>(async reader =>
        {
            var due = new List<UploadRecord>();
            while (await reader.ReadAsync(cancel)) due.Add(UploadSql.Read(reader));
            return due;
        }, cancel, sql.Due(limit));

    public async ValueTask LookAgainAsync(string id, TimeSpan after, CancellationToken cancel) =>
        await WriteAsync(sql.LookAgain(id, after), cancel);

    public async ValueTask RemoveAsync(string id, CancellationToken cancel) => await WriteAsync(sql.Remove(id), cancel);

    /// <summary>Whether it changed a row, of a statement that returns those it changed.</summary>
    private ValueTask<bool> WriteAsync(NpgsqlBatchCommand command, CancellationToken cancel, DbTransaction? transaction = null) =>
        session.WriteAsync(transaction, reader => reader.ReadAsync(CancellationToken.None), cancel, command);

    private static async Task<UploadRecord?> ReadAsync(NpgsqlDataReader reader) =>
        await reader.ReadAsync(CancellationToken.None) ? UploadSql.Read(reader) : null;
}
