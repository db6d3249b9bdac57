using Surety.Storage;
using static Surety.Storage.UploadState;

namespace Surety.Sqlite.Sql;

/// <summary>
/// How far uploads have come. They end by the file's own time: bytes that were acknowledged must not go because a clock was set. Clients
/// are told the instant that comes to by the wall clock.
/// </summary>
internal static class UploadSql
{
    private static readonly string Columns =
        $"""
        id, route, owner, CASE WHEN state = {Open:D} AND expires_at <= ?1 THEN {Expired:D} ELSE state END, durable, length, metadata, blob,
        sha256, message_id, created_at, expires_at
        """;

    // What nobody was given cannot be used: a writer's number goes to the one who took it, and to nobody else.
    private static readonly string FoundColumns = $"{Columns}, 0, 0";

    private static readonly string Taken = $"state = {Open:D} AND expires_at > ?1 AND durable = ?5 AND route = ?3 AND owner = ?4";

    private static readonly string CountOpenText =
        $"SELECT count(*) FROM surety_upload WHERE owner = ?1 AND state = {Open:D} AND expires_at > ?2";

    private static readonly string AddText =
        $"""
        INSERT INTO surety_upload (id, route, owner, state, length, metadata, created_at, expires_at, look_at)
        VALUES (?1, ?2, ?3, {Open:D}, ?4, ?5, ?6, ?7, ?7)
        """;

    // Finding writes, too (a barrier): what a client is told of is durable.
    private static readonly string FindText = $"UPDATE surety_upload SET durable = durable WHERE id = ?2 RETURNING {FoundColumns}";

    private static readonly string TakeText =
        $"""
        UPDATE surety_upload SET writer = writer + ({Taken}) WHERE id = ?2
        RETURNING {Columns}, CASE WHEN {Taken} THEN writer ELSE 0 END, {Taken} AND closed = writer - 1
        """;

    private static readonly string LookText = $"SELECT {FoundColumns} FROM surety_upload WHERE id = ?2";

    private const string ExistsText = "SELECT 1 FROM surety_upload WHERE id = ?1";

    private static readonly string SetLengthText =
        $"""
        UPDATE surety_upload SET length = ?3
        WHERE id = ?1 AND state = {Open:D} AND writer = ?2 AND length IS NULL AND durable <= ?3
        """;

    private static readonly string AdvanceText =
        $"""
        UPDATE surety_upload SET durable = ?4, blob = ?5, closed = CASE WHEN ?6 THEN writer ELSE closed END
        WHERE id = ?1 AND state = {Open:D} AND writer = ?2 AND durable = ?3 AND ?4 >= ?3 AND (length IS NULL OR length >= ?4)
            AND expires_at > ?7
        """;

    private static readonly string CompleteText =
        $"""
        UPDATE surety_upload SET state = {UploadState.Complete:D}, sha256 = ?2, message_id = ?3, look_at = ?4
        WHERE id = ?1 AND state = {Open:D} AND durable = length
        """;

    private const string EndText = "UPDATE surety_upload SET state = ?3, look_at = ?4 WHERE id = ?1 AND state = ?2";

    private static readonly string DueText = $"SELECT {FoundColumns} FROM surety_upload WHERE look_at <= ?1 ORDER BY look_at LIMIT ?2";

    private const string LookAgainText = "UPDATE surety_upload SET look_at = ?2 WHERE id = ?1";

    private static readonly string RemoveText = $"DELETE FROM surety_upload WHERE id = ?1 AND state > {UploadState.Complete:D}";

    /// <summary>How many of the owner's are open.</summary>
    public static Statement CountOpen(Statements db, string owner, DateTimeOffset steady) =>
        db.Prepare(CountOpenText).With(owner).With(steady);

    public static Statement Add(Statements db, NewUpload upload, DateTimeOffset now, DateTimeOffset expires) =>
        db.Prepare(AddText).With(upload.Id).With(upload.Route).With(upload.Owner).With(upload.Length)
            .With(StoredJson.Headers(upload.Metadata)).With(now).With(expires);

    public static Statement Find(Statements db, string id, DateTimeOffset steady) => db.Prepare(FindText).With(steady).With(id);

    /// <summary>As <see cref="Find"/>, without the barrier.</summary>
    public static Statement Look(Statements db, string id, DateTimeOffset steady) => db.Prepare(LookText).With(steady).With(id);

    public static Statement Take(Statements db, string id, string route, string owner, long offset, DateTimeOffset steady) =>
        db.Prepare(TakeText).With(steady).With(id).With(route).With(owner).With(offset);

    public static Statement Exists(Statements db, string id) => db.Prepare(ExistsText).With(id);

    public static Statement SetLength(Statements db, string id, long writer, long length) =>
        db.Prepare(SetLengthText).With(id).With(writer).With(length);

    public static Statement Advance(Statements db, string id, UploadStep step, DateTimeOffset steady) => db.Prepare(AdvanceText)
        .With(id).With(step.Writer).With(step.From).With(step.To).With(step.Blob).With(step.IsLast).With(steady);

    public static Statement Complete(Statements db, string id, ReadOnlySpan<byte> sha256, MessageId message, DateTimeOffset steady) =>
        db.Prepare(CompleteText).With(id).With(sha256).With(message.Value).With(steady);

    public static Statement End(Statements db, string id, UploadState from, UploadState to, DateTimeOffset lookAt) =>
        db.Prepare(EndText).With(id).With((long)from).With((long)to).With(lookAt);

    public static Statement Due(Statements db, DateTimeOffset steady, int limit) => db.Prepare(DueText).With(steady).With(limit);

    public static Statement LookAgain(Statements db, string id, DateTimeOffset at) => db.Prepare(LookAgainText).With(id).With(at);

    public static Statement Remove(Statements db, string id) => db.Prepare(RemoveText).With(id);

    /// <param name="row">An upload's.</param>
    /// <param name="behind">How far the file's own time is behind the wall clock's.</param>
    public static UploadRecord Read(Statement row, TimeSpan behind) => new()
    {
        Id = row.Text(0), Route = row.Text(1), Owner = row.Text(2), State = (UploadState)row.Int(3),
        Offset = row.Long(4), Length = row.LongOrNull(5), Metadata = StoredJson.Headers(row.Bytes(6)),
        Blob = row.TextOrNull(7), Sha256 = row.Bytes(8).ToArray(),
        Message = row.LongOrNull(9) is { } message ? new MessageId(message) : null,
        CreatedAt = row.Instant(10), ExpiresAt = row.Instant(11) + behind,
        Writer = row.Long(12), IsHandedOver = row.Int(13) != 0,
    };
}
