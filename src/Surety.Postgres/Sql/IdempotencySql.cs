using Npgsql;
using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>Answered requests, by the digest of their key.</summary>
/// <param name="s">The quoted schema.</param>
/// <param name="name">Its name.</param>
internal sealed class IdempotencySql(string s, string name)
{
    private const string Table = "idempotency";

    // Says at once that another transaction is at it, where the unique index would wait for that one's end. Locks are the whole database's;
    // a key is its schema's.
    private readonly string take = $"SELECT pg_try_advisory_xact_lock($1 # hashtextextended('{s}', 7))";

    // A statement after the lock's, so that it sees what the lock's last holder committed.
    private readonly string isThere = $"SELECT FROM {s}.idempotency WHERE key = $1";

    private readonly string forget = $"DELETE FROM {s}.idempotency WHERE key = $1 AND expires_at <= {s}.now()";

    // Finding writes (a barrier): the commit that follows is durable only after what was found, and waits for the standbys.
    private readonly string find =
        $"UPDATE {s}.idempotency SET expires_at = expires_at WHERE key = $1 RETURNING fingerprint, status, headers, body";

    private readonly string answer =
        $"INSERT INTO {s}.idempotency (key, fingerprint, expires_at, status, headers, body) VALUES ($1, $2, {s}.now() + $3, $4, $5, $6)";

    private readonly string prune =
        $"""
        WITH gone AS (
            DELETE FROM {s}.idempotency
            WHERE key = ANY (ARRAY(SELECT key FROM {s}.idempotency WHERE expires_at <= {s}.now() LIMIT $1 FOR UPDATE SKIP LOCKED))
            RETURNING 1)
        SELECT count(*) FROM gone
        """;

    /// <param name="number">What stands for the key.</param>
    public NpgsqlBatchCommand Lock(long number) => Statement.Of(take).With(number);

    public NpgsqlBatchCommand IsThere(byte[] key) => Statement.Of(isThere).With(key);

    /// <summary>If its time is over and nobody has pruned it yet.</summary>
    public NpgsqlBatchCommand Forget(byte[] key) => Statement.Of(forget).With(key);

    public NpgsqlBatchCommand Find(byte[] key) => Statement.Of(find).With(key);

    // No answer: an earlier version's, which took keys by storing them. Running it again could double its effect.
    public static KeyAnswer Read(NpgsqlDataReader reader) => reader.IsDBNull(1)
        ? new KeyAnswer(KeyState.InProgress, reader.Bytes(0))
        : new KeyAnswer(
            KeyState.Answered,
            reader.Bytes(0),
            new StoredAnswer(reader.GetInt32(1), StoredJson.Headers(reader.TextOrNull(2)), reader.Bytes(3)));

    public NpgsqlBatchCommand Answer(ReadOnlyMemory<byte> key, KeyRecord given) =>
        Statement.Of(answer).With(key).With(given.Fingerprint).With(given.KeepFor).With(given.Answer.Status)
            .WithText(StoredJson.Headers(given.Answer.Headers)).With(given.Answer.Body);

    /// <summary>
    /// Whether this is how <see cref="Answer"/> fails where there is one; the transaction's other statements, and its deferred constraints,
    /// fail otherwise.
    /// </summary>
    public bool SaysAnswered(PostgresException e) =>
        e is { SqlState: PostgresErrorCodes.UniqueViolation, TableName: Table, SchemaName: { } schema } && schema == name;

    public NpgsqlBatchCommand Prune(int limit) => Statement.Of(prune).With((long)limit);
}
