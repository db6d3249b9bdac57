using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>How far uploads have come. They end by the file's own time: bytes that were acknowledged must not go because a clock was set. Clients are told the instant that comes to by the wall clock.</summary>
internal static class UploadSql
{
    private const string Columns =
        "id, route, owner, CASE WHEN state = 1 AND expires_at <= ?1 THEN 4 ELSE state END, offset, length, metadata, blob, sha256, message_id, created_at, expires_at";

    private const string CountOpenText = "SELECT count(*) FROM surety_upload WHERE owner = ?1 AND state = 1 AND expires_at > ?2";

    private const string AddText =
        "INSERT INTO surety_upload (id, route, owner, state, length, metadata, created_at, expires_at, look_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?7)";

    // Finding writes too (a barrier): whoever is told of it is told of something durable.
    private const string FindText = $"UPDATE surety_upload SET offset = offset WHERE id = ?2 RETURNING {Columns}";

    private const string LookText = $"SELECT {Columns} FROM surety_upload WHERE id = ?2";

    private const string ExistsText = "SELECT 1 FROM surety_upload WHERE id = ?1";

    private const string NoteBlobText = "UPDATE surety_upload SET blob = ?2 WHERE id = ?1";

    private const string SetLengthText = "UPDATE surety_upload SET length = ?2 WHERE id = ?1 AND state = 1 AND length IS NULL AND offset <= ?2";

    private const string AdvanceText =
        "UPDATE surety_upload SET offset = ?3 WHERE id = ?1 AND state = 1 AND offset = ?2 AND ?3 >= ?2 AND (length IS NULL OR length >= ?3) AND expires_at > ?4";

    private const string CompleteText =
        "UPDATE surety_upload SET state = 2, sha256 = ?2, message_id = ?3, look_at = ?4 WHERE id = ?1 AND state = 1 AND offset = length";

    private const string EndText = "UPDATE surety_upload SET state = ?3, look_at = ?4 WHERE id = ?1 AND state = ?2";

    private const string DueText = $"SELECT {Columns} FROM surety_upload WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2";

    private const string LookAgainText = "UPDATE surety_upload SET look_at = ?2 WHERE id = ?1";

    private const string RemoveText = "DELETE FROM surety_upload WHERE id = ?1";

    public static UploadRecord? Add(Statements db, NewUpload upload, DateTimeOffset now, DateTimeOffset steady, TimeSpan expireAfter, int mostOpen)
    {
        if (db.Prepare(CountOpenText).With(upload.Owner).With(steady).Number() >= mostOpen) return null;
        db.Prepare(AddText).With(upload.Id).With(upload.Route).With(upload.Owner).With(upload.Length).With(StoredJson.Headers(upload.Metadata)).With(now).With(steady + expireAfter).Run();
        return Find(db, upload.Id, now, steady);
    }

    public static UploadRecord? Find(Statements db, string id, DateTimeOffset now, DateTimeOffset steady) => One(db, FindText, id, now, steady);

    /// <summary>Without the barrier.</summary>
    public static UploadRecord? Look(Statements db, string id, DateTimeOffset now, DateTimeOffset steady) => One(db, LookText, id, now, steady);

    private static UploadRecord? One(Statements db, string text, string id, DateTimeOffset now, DateTimeOffset steady)
    {
        var found = db.Prepare(text).With(steady).With(id);
        UploadRecord? upload = null;
        while (found.Step()) upload = Read(found, now - steady);
        return upload;
    }

    public static bool Exists(Statements db, string id) => db.Prepare(ExistsText).With(id).Number() is not null;

    public static void NoteBlob(Statements db, string id, string note) => db.Prepare(NoteBlobText).With(id).With(note).Run();

    public static bool SetLength(Statements db, string id, long length) => db.Prepare(SetLengthText).With(id).With(length).Run() == 1;

    public static bool Advance(Statements db, string id, long from, long to, DateTimeOffset steady) => db.Prepare(AdvanceText).With(id).With(from).With(to).With(steady).Run() == 1;

    public static bool Complete(Statements db, string id, ReadOnlySpan<byte> sha256, MessageId message, DateTimeOffset steady) =>
        db.Prepare(CompleteText).With(id).With(sha256).With(message.Value).With(steady).Run() == 1;

    public static bool End(Statements db, string id, UploadState from, UploadState to, DateTimeOffset lookAt) =>
        db.Prepare(EndText).With(id).With((long)from).With((long)to).With(lookAt).Run() == 1;

    public static IReadOnlyList<UploadRecord> Due(Statements db, DateTimeOffset now, DateTimeOffset steady, int limit)
    {
        var due = new List<UploadRecord>();
        var rows = db.Prepare(DueText).With(steady).With(limit);
        while (rows.Step()) due.Add(Read(rows, now - steady));
        return due;
    }

    public static void LookAgain(Statements db, string id, DateTimeOffset at) => db.Prepare(LookAgainText).With(id).With(at).Run();

    public static void Remove(Statements db, string id) => db.Prepare(RemoveText).With(id).Run();

    private static UploadRecord Read(Statement row, TimeSpan behind) => new()
    {
        Id = row.Text(0), Route = row.Text(1), Owner = row.Text(2), State = (UploadState)row.Int(3), Offset = row.Long(4), Length = row.LongOrNull(5), Metadata = StoredJson.Headers(row.Bytes(6)),
        Blob = row.TextOrNull(7), Sha256 = row.Bytes(8).ToArray(), Message = row.LongOrNull(9) is { } message ? new MessageId(message) : null, CreatedAt = row.Instant(10), ExpiresAt = row.Instant(11) + behind,
    };
}
