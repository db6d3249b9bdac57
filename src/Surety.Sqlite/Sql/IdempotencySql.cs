using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>
/// Answered requests, by the digest of their key. They end by the file's own time: forgotten too early, a repeat would act again.
/// </summary>
internal static class IdempotencySql
{
    // Finding writes too (a barrier): the reader's commit then is durable only after what it read.
    private const string FindText =
        """
        UPDATE surety_idempotency SET expires_at = expires_at WHERE key = ?1 AND expires_at > ?2
        RETURNING fingerprint, status, headers, body
        """;

    // A record whose time is over and that nobody has pruned yet gives way.
    private const string AnswerText =
        """
        INSERT INTO surety_idempotency (key, fingerprint, expires_at, status, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (key) DO UPDATE SET fingerprint = ?2, expires_at = ?3, status = ?4, headers = ?5, body = ?6 WHERE expires_at <= ?7
        """;

    private const string PruneText =
        "DELETE FROM surety_idempotency WHERE key IN (SELECT key FROM surety_idempotency WHERE expires_at <= ?1 LIMIT ?2)";

    public static Statement Find(Statements db, ReadOnlySpan<byte> key, DateTimeOffset steady) =>
        db.Prepare(FindText).With(key).With(steady);

    public static Statement Answer(Statements db, ReadOnlySpan<byte> key, KeyRecord given, DateTimeOffset steady) =>
        db.Prepare(AnswerText).With(key).With(given.Fingerprint.Span).With(steady + given.KeepFor)
            .With(given.Answer.Status).With(StoredJson.Headers(given.Answer.Headers)).With(given.Answer.Body.Span).With(steady);

    public static Statement Prune(Statements db, DateTimeOffset steady, int limit) => db.Prepare(PruneText).With(steady).With(limit);

    // No answer: an earlier version's, which took keys by storing them. Running it again could double its effect.
    public static KeyAnswer Read(Statement row) => row.IsNull(1)
        ? new KeyAnswer(KeyState.InProgress, row.Bytes(0).ToArray())
        : new KeyAnswer(
            KeyState.Answered,
            row.Bytes(0).ToArray(),
            new StoredAnswer(row.Int(1), StoredJson.Headers(row.Bytes(2)), row.Bytes(3).ToArray()));
}
