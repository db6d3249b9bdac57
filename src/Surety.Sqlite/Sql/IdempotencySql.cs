using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>Answered requests, by the digest of their key.</summary>
internal static class IdempotencySql
{
    // Finding writes too (a barrier): the reader's commit then is durable only after what it read.
    private const string FindText =
        "UPDATE surety_idempotency SET expires_at = expires_at WHERE key = ?1 AND expires_at > ?2 RETURNING fingerprint, status, headers, body";

    private const string TakeText =
        """
        INSERT INTO surety_idempotency (key, fingerprint, expires_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (key) DO UPDATE SET fingerprint = ?2, expires_at = ?3, status = NULL, headers = NULL, body = NULL
        """;

    private const string AnswerText = "UPDATE surety_idempotency SET status = ?2, headers = ?3, body = ?4 WHERE key = ?1 AND status IS NULL";

    private const string PruneText = "DELETE FROM surety_idempotency WHERE key IN (SELECT key FROM surety_idempotency WHERE expires_at <= ?1 LIMIT ?2)";

    public static KeyAnswer Take(Statements db, ReadOnlySpan<byte> key, ReadOnlySpan<byte> fingerprint, DateTimeOffset now, TimeSpan keepFor)
    {
        var found = db.Prepare(FindText).With(key).With(now);
        if (found.Step())
        {
            // No answer yet: taken earlier in this very transaction, or by one that committed without an answer. Running it again could double its effect.
            var answer = found.IsNull(1)
                ? new KeyAnswer(KeyState.InProgress, found.Bytes(0).ToArray())
                : new KeyAnswer(KeyState.Answered, found.Bytes(0).ToArray(), new StoredAnswer(found.Int(1), StoredJson.Headers(found.Bytes(2)), found.Bytes(3).ToArray()));
            while (found.Step())
            {
            }

            return answer;
        }

        db.Prepare(TakeText).With(key).With(fingerprint).With(now + keepFor).Run();
        return new KeyAnswer(KeyState.Taken);
    }

    public static bool Answer(Statements db, ReadOnlySpan<byte> key, StoredAnswer answer) =>
        db.Prepare(AnswerText).With(key).With(answer.Status).With(StoredJson.Headers(answer.Headers)).With(answer.Body.Span).Run() == 1;

    public static int Prune(Statements db, DateTimeOffset now, int limit) => db.Prepare(PruneText).With(now).With(limit).Run();
}
