using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>
/// How far uploads have come. They end by the file's own time: bytes that were acknowledged must not go because a clock was set. Clients
/// are told the instant that comes to by the wall clock.
/// </summary>
internal static class UploadSql
{
    private const string Columns =
        "id, route, owner, CASE WHEN state = 1 AND expires_at <= ?1 THEN 4 ELSE state END, durable, length, metadata, blob, sha256, "
        + "message_id, created_at, expires_at";

    // What nobody was given cannot be used: a writer's number goes to the one who took it, and to nobody else.
    private const string FoundColumns = $"{Columns}, 0, 0";

    private const string Taken = "state = 1 AND expires_at > ?1 AND durable = ?5 AND route = ?3 AND owner = ?4";

    private const string CountOpenText = "SELECT count(*) FROM surety_upload WHERE owner = ?1 AND state = 1 AND expires_at > ?2";

    private const string AddText =
        "INSERT INTO surety_upload (id, route, owner, state, length, metadata, created_at, expires_at, look_at) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?7)";

    // Finding writes, too (a barrier): what a client is told of is durable.
    private const string FindText = $"UPDATE surety_upload SET durable = durable WHERE id = ?2 RETURNING {FoundColumns}";

    private const string TakeText =
        $"UPDATE surety_upload SET writer = writer + ({Taken}) WHERE id = ?2 "
        + $"RETURNING {Columns}, CASE WHEN {Taken} THEN writer ELSE 0 END, {Taken} AND closed = writer - 1";

    private const string LookText = $"SELECT {FoundColumns} FROM surety_upload WHERE id = ?2";

    private const string ExistsText = "SELECT 1 FROM surety_upload WHERE id = ?1";

    private const string SetLengthText =
        "UPDATE surety_upload SET length = ?3 WHERE id = ?1 AND state = 1 AND writer = ?2 AND length IS NULL AND durable <= ?3";

    private const string AdvanceText =
        "UPDATE surety_upload SET durable = ?4, blob = ?5, closed = CASE WHEN ?6 THEN writer ELSE closed END "
        + "WHERE id = ?1 AND state = 1 AND writer = ?2 AND durable = ?3 AND ?4 >= ?3 AND (length IS NULL OR length >= ?4) "
        + "AND expires_at > ?7";

    private const string CompleteText =
        "UPDATE surety_upload SET state = 2, sha256 = ?2, message_id = ?3, look_at = ?4 WHERE id = ?1 AND state = 1 AND durable = length";

    private const string EndText = "UPDATE surety_upload SET state = ?3, look_at = ?4 WHERE id = ?1 AND state = ?2";

    private const string DueText = $"SELECT {FoundColumns} FROM surety_upload WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2";

    private const string LookAgainText = "UPDATE surety_upload SET look_at = ?2 WHERE id = ?1";

    private const string RemoveText = "DELETE FROM surety_upload WHERE id = ?1 AND state > 2";

    public static UploadRecord? Add(Statements db, NewUpload upload, DateTimeOffset now, DateTimeOffset steady, TimeSpan expireAfter, int mostOpen)
    {
        if (db.Prepare(CountOpenText).With(upload.Owner).With(steady).Number() >= mostOpen) return null;
        db.Prepare(AddText).With(upload.Id).With(upload.Route).With(upload.Owner).With(upload.Length).With(StoredJson.Headers(upload.Metadata)).With(now).With(steady + expireAfter).Run();
        return Find(db, upload.Id, now, steady);
    }

    public static UploadRecord? Find(Statements db, string id, DateTimeOffset now, DateTimeOffset steady) =>
        One(db.Prepare(FindText).With(steady).With(id), now - steady);

    /// <summary>Without the barrier.</summary>
    public static UploadRecord? Look(Statements db, string id, DateTimeOffset now, DateTimeOffset steady) =>
        One(db.Prepare(LookText).With(steady).With(id), now - steady);

    public static UploadRecord? Take(
        Statements db, string id, string route, string owner, long offset, DateTimeOffset now, DateTimeOffset steady) =>
        One(db.Prepare(TakeText).With(steady).With(id).With(route).With(owner).With(offset), now - steady);

    public static bool Exists(Statements db, string id) => db.Prepare(ExistsText).With(id).Number() is not null;

    public static bool SetLength(Statements db, string id, long writer, long length) =>
        db.Prepare(SetLengthText).With(id).With(writer).With(length).Run() == 1;

    public static bool Advance(Statements db, string id, UploadStep step, DateTimeOffset steady) =>
        db.Prepare(AdvanceText).With(id).With(step.Writer).With(step.From).With(step.To).With(step.Blob).With(step.IsLast)
            .With(steady).Run() == 1;

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

    private static UploadRecord? One(Statement found, TimeSpan behind)
    {
        UploadRecord? upload = null;
        while (found.Step()) upload = Read(found, behind);
        return upload;
    }

    private static UploadRecord Read(Statement row, TimeSpan behind) => new()
    {
        Id = row.Text(0), Route = row.Text(1), Owner = row.Text(2), State = (UploadState)row.Int(3), Offset = row.Long(4), Length = row.LongOrNull(5), Metadata = StoredJson.Headers(row.Bytes(6)),
        Blob = row.TextOrNull(7), Sha256 = row.Bytes(8).ToArray(), Message = row.LongOrNull(9) is { } message ? new MessageId(message) : null, CreatedAt = row.Instant(10), ExpiresAt = row.Instant(11) + behind,
        Writer = row.Long(12), IsHandedOver = row.Int(13) != 0,
    };
}
