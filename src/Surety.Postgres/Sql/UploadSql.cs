using Npgsql;
using Surety.Storage;
using static Surety.Storage.UploadState;

namespace Surety.Postgres.Sql;

/// <summary>How far uploads have come.</summary>
internal sealed class UploadSql
{
    // One at a time an owner, or two at once could both find room for one.
    private const string LockOwnerText = "SELECT pg_advisory_xact_lock(hashtextextended('surety upload ' || $1, 7))";

    private readonly string add, find, take, exists, setLength, advance, complete, end, due, lookAgain, remove;

    /// <param name="s">The quoted schema.</param>
    public UploadSql(string s)
    {
        var columns =
            $"""
            id, route, owner, (CASE WHEN state = {Open:D} AND expires_at <= {s}.now() THEN {Expired:D} ELSE state END)::int, durable,
            length, metadata, blob, sha256, message_id, created_at, expires_at
            """;
        // What nobody was given cannot be used: a writer's number goes to the one who took it, and to nobody else.
        var found = $"{columns}, 0::bigint, false";
        var taken = $"state = {Open:D} AND expires_at > {s}.now() AND durable = $4 AND route = $2 AND owner = $3";
        add =
            $"""
            INSERT INTO {s}.upload (id, route, owner, state, length, metadata, created_at, expires_at, look_at)
            SELECT $1, $2, $3, {Open:D}, $4, $5, {s}.now(), {s}.now() + $6, {s}.now() + $6
            WHERE (SELECT count(*) FROM {s}.upload WHERE owner = $3 AND state = {Open:D} AND expires_at > {s}.now()) < $7
            RETURNING {found}
            """;
        // Finding writes too (a barrier): the commit that follows is durable only after what was found, and waits for the standbys.
        find = $"UPDATE {s}.upload SET durable = durable WHERE id = $1 RETURNING {found}";
        // The condition is the same before and after: within a statement, the clock stands still and nobody else writes the row.
        take =
            $"""
            UPDATE {s}.upload SET writer = writer + CASE WHEN {taken} THEN 1 ELSE 0 END WHERE id = $1
            RETURNING {columns}, CASE WHEN {taken} THEN writer ELSE 0 END, {taken} AND closed = writer - 1
            """;
        exists = $"SELECT 1 FROM {s}.upload WHERE id = $1";
        setLength =
            $"""
            UPDATE {s}.upload SET length = $3
            WHERE id = $1 AND state = {Open:D} AND writer = $2 AND length IS NULL AND durable <= $3 RETURNING 1
            """;
        advance =
            $"""
            UPDATE {s}.upload SET durable = $4, blob = $5, closed = CASE WHEN $6 THEN writer ELSE closed END
            WHERE id = $1 AND state = {Open:D} AND writer = $2 AND durable = $3 AND $4 >= $3 AND (length IS NULL OR length >= $4)
                AND expires_at > {s}.now() RETURNING 1
            """;
        complete =
            $"""
            UPDATE {s}.upload SET state = {UploadState.Complete:D}, sha256 = $2, message_id = $3, look_at = {s}.now()
            WHERE id = $1 AND state = {Open:D} AND durable = length RETURNING 1
            """;
        end = $"UPDATE {s}.upload SET state = $3, look_at = {s}.now() + $4 WHERE id = $1 AND state = $2 RETURNING 1";
        due = $"SELECT {found} FROM {s}.upload WHERE look_at <= {s}.now() ORDER BY look_at LIMIT $1";
        lookAgain = $"UPDATE {s}.upload SET look_at = {s}.now() + $2 WHERE id = $1";
        remove = $"DELETE FROM {s}.upload WHERE id = $1 AND state > {UploadState.Complete:D}";
    }

    public static NpgsqlBatchCommand LockOwner(string owner) => Statement.Of(LockOwnerText).With(owner);

    public NpgsqlBatchCommand Add(NewUpload upload, TimeSpan expireAfter, int mostOpen) => Statement.Of(add)
        .With(upload.Id).With(upload.Route).With(upload.Owner).WithBigint(upload.Length)
        .WithText(StoredJson.Headers(upload.Metadata)).With(expireAfter).With((long)mostOpen);

    public NpgsqlBatchCommand Find(string id) => Statement.Of(find).With(id);

    public NpgsqlBatchCommand Exists(string id) => Statement.Of(exists).With(id);

    public NpgsqlBatchCommand Take(string id, string route, string owner, long offset) =>
        Statement.Of(take).With(id).With(route).With(owner).With(offset);

    public NpgsqlBatchCommand SetLength(string id, long writer, long length) => Statement.Of(setLength).With(id).With(writer).With(length);

    public NpgsqlBatchCommand Advance(string id, UploadStep step) =>
        Statement.Of(advance).With(id).With(step.Writer).With(step.From).With(step.To).WithText(step.Blob).With(step.IsLast);

    public NpgsqlBatchCommand Complete(string id, ReadOnlyMemory<byte> sha256, MessageId message) =>
        Statement.Of(complete).With(id).With(sha256).With(message.Value);

    public NpgsqlBatchCommand End(string id, UploadState from, UploadState to, TimeSpan lookAfter) =>
        Statement.Of(end).With(id).With((int)from).With((int)to).With(lookAfter);

    public NpgsqlBatchCommand Due(int limit) => Statement.Of(due).With((long)limit);

    public NpgsqlBatchCommand LookAgain(string id, TimeSpan after) => Statement.Of(lookAgain).With(id).With(after);

    public NpgsqlBatchCommand Remove(string id) => Statement.Of(remove).With(id);

    public static UploadRecord Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetString(0), Route = row.GetString(1), Owner = row.GetString(2), State = (UploadState)row.GetInt32(3),
        Offset = row.GetInt64(4), Length = row.LongOrNull(5),
        Metadata = StoredJson.Headers(row.TextOrNull(6)), Blob = row.TextOrNull(7), Sha256 = row.IsDBNull(8) ? default : row.Bytes(8),
        Message = row.LongOrNull(9) is { } message ? new MessageId(message) : null, CreatedAt = row.Instant(10),
        ExpiresAt = row.Instant(11),
        Writer = row.GetInt64(12), IsHandedOver = row.GetBoolean(13),
    };
}
