using Npgsql;
using Surety.Storage;

namespace Surety.Postgres.Sql;

/// <summary>API keys, as digests.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class ApiKeySql(string s)
{
    private const string Columns = "prefix, digest, principal, scopes, created_at, expires_at, revoked_at";
    private readonly string add = $"INSERT INTO {s}.api_key ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    private readonly string find = $"SELECT {Found(s)} FROM {s}.api_key WHERE prefix = $1";
    private readonly string list =
        $"""
        SELECT {Found(s)} FROM {s}.api_key
        WHERE ($1 IS NULL OR principal = $1)
            AND ($2 IS NULL OR (created_at, prefix) < (SELECT created_at, prefix FROM {s}.api_key WHERE prefix = $2))
        ORDER BY created_at DESC, prefix DESC LIMIT $3
        """;
    private readonly string revoke = $"UPDATE {s}.api_key SET revoked_at = {s}.now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING 1";

    // Without an overlap the end is no date, which a clock could be before: it is revoked.
    private readonly string rotate =
        $"""
        WITH old AS (
            UPDATE {s}.api_key
            SET expires_at = CASE WHEN $9 > interval '0' THEN least(expires_at, {s}.now() + $9) ELSE expires_at END,
                revoked_at = CASE WHEN $9 > interval '0' THEN NULL ELSE {s}.now() END
            WHERE prefix = $8 AND revoked_at IS NULL AND NOT expired AND (expires_at IS NULL OR expires_at > {s}.now()) RETURNING 1
        )
        INSERT INTO {s}.api_key ({Columns}) SELECT $1, $2, $3, $4, $5, $6, $7 FROM old RETURNING 1
        """;

    // SKIP LOCKED: another node that is just changing one says much the same, or leaves it to the next look.
    private readonly string endExpired =
        $"""
        WITH over AS (
            UPDATE {s}.api_key SET expired = true
            WHERE prefix = ANY (ARRAY(
                SELECT prefix FROM {s}.api_key WHERE NOT expired AND expires_at <= {s}.now() FOR UPDATE SKIP LOCKED)) RETURNING 1
        )
        SELECT count(*) FROM over
        """;

    // SKIP LOCKED: another node that notes the same keys at the moment says much the same, and two that waited for each other would be a
    // deadlock.
    private readonly string noteUses =
        $"""
        UPDATE {s}.api_key AS k SET used_at = u.at
        FROM (
            SELECT l.prefix, u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (prefix, at) JOIN {s}.api_key AS l ON l.prefix = u.prefix
            WHERE l.used_at IS NULL OR l.used_at < u.at FOR UPDATE OF l SKIP LOCKED
        ) AS u
        WHERE k.prefix = u.prefix
        """;

    // No index: there are thousands of keys at most, and an hour between two looks.
    private readonly string prune =
        $"""
        WITH gone AS (
            DELETE FROM {s}.api_key
            WHERE prefix = ANY (ARRAY(
                SELECT prefix FROM {s}.api_key WHERE least(revoked_at, expires_at) <= {s}.now() - $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
            RETURNING 1
        )
        SELECT count(*) FROM gone
        """;

    // The last two: how long it still works (null: no date ends it), and whether its time is over and nobody has noted it yet.
    private static string Found(string s) =>
        $"""
        {Columns}, used_at,
        CASE WHEN revoked_at IS NOT NULL OR expired OR expires_at <= {s}.now() THEN interval '0' ELSE expires_at - {s}.now() END,
        revoked_at IS NULL AND NOT expired AND coalesce(expires_at <= {s}.now(), false)
        """;

    public NpgsqlBatchCommand Add(ApiKeyRecord key) => Added(Statement.Of(add), key);

    private static NpgsqlBatchCommand Added(NpgsqlBatchCommand command, ApiKeyRecord key) =>
        command.With(key.Prefix).With(key.Digest).With(key.Principal).With(StoredJson.Scopes(key.Scopes))
        .WithInstant(key.CreatedAt).WithInstant(key.ExpiresAt).WithInstant(key.RevokedAt);

    public NpgsqlBatchCommand Find(string prefix) => Statement.Of(find).With(prefix);

    public NpgsqlBatchCommand List(string? principal, string? after, int limit) =>
        Statement.Of(list).WithName(principal).WithName(after).With(limit);

    public NpgsqlBatchCommand Revoke(string prefix) => Statement.Of(revoke).With(prefix);

    public NpgsqlBatchCommand Rotate(string prefix, ApiKeyRecord successor, TimeSpan overlap) =>
        Added(Statement.Of(rotate), successor).With(prefix).With(overlap);

    public NpgsqlBatchCommand EndExpired() => Statement.Of(endExpired);

    public NpgsqlBatchCommand NoteUses(IReadOnlyDictionary<string, DateTimeOffset> uses) =>
        Statement.Of(noteUses).With(uses.Keys.ToArray()).WithInstants([.. uses.Values.Select(at => (DateTime?)at.UtcDateTime)]);

    public NpgsqlBatchCommand Prune(TimeSpan keepFor, int limit) => Statement.Of(prune).With(keepFor).With((long)limit);

    public static ApiKeyRecord Read(NpgsqlDataReader row) => new()
    {
        Prefix = row.GetString(0), Digest = row.Bytes(1), Principal = row.GetString(2), Scopes = StoredJson.Scopes(row.GetString(3)),
        CreatedAt = row.Instant(4), ExpiresAt = row.InstantOrNull(5), RevokedAt = row.InstantOrNull(6), UsedAt = row.InstantOrNull(7),
        EndsIn = row.IsDBNull(8) ? null : row.GetTimeSpan(8),
    };

    /// <summary>Whether the key's time is over and nobody has noted it yet.</summary>
    public static bool ToBeNoted(NpgsqlDataReader row) => row.GetBoolean(9);
}
