using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>API keys, as digests.</summary>
internal static class ApiKeySql
{
    private const string Columns = "prefix, digest, principal, scopes, created_at, expires_at, revoked_at";

    // The last two: how long it still works (null: no date ends it), and whether its time is over and nobody has noted it yet.
    private const string Found =
        $"""
        {Columns}, used_at,
        CASE WHEN revoked_at IS NOT NULL OR expired OR expires_at <= ?1 THEN 0 ELSE expires_at - ?1 END,
        revoked_at IS NULL AND NOT expired AND ifnull(expires_at <= ?1, 0)
        """;

    private const string AddText = $"INSERT INTO surety_api_key ({Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    private const string FindText = $"SELECT {Found} FROM surety_api_key WHERE prefix = ?2";

    private const string ListText =
        $"""
        SELECT {Found} FROM surety_api_key
        WHERE (?2 IS NULL OR principal = ?2)
            AND (?3 IS NULL OR (created_at, prefix) < (SELECT created_at, prefix FROM surety_api_key WHERE prefix = ?3))
        ORDER BY created_at DESC, prefix DESC LIMIT ?4
        """;

    private const string RevokeText = "UPDATE surety_api_key SET revoked_at = ?2 WHERE prefix = ?1 AND revoked_at IS NULL";

    // Without an overlap the end is no date, which a clock could be before: it is revoked.
    private const string ReplaceText =
        """
        UPDATE surety_api_key
        SET expires_at = iif(?2 < ?3, min(coalesce(expires_at, ?3), ?3), expires_at), revoked_at = iif(?2 < ?3, NULL, ?2)
        WHERE prefix = ?1 AND revoked_at IS NULL AND NOT expired AND (expires_at IS NULL OR expires_at > ?2)
        """;

    private const string HasExpiredText = "SELECT 1 FROM surety_api_key WHERE NOT expired AND expires_at <= ?1 LIMIT 1";

    private const string EndExpiredText = "UPDATE surety_api_key SET expired = 1 WHERE NOT expired AND expires_at <= ?1";

    private const string NoteUseText =
        "UPDATE surety_api_key SET used_at = ?2 WHERE prefix = ?1 AND (used_at IS NULL OR used_at < ?2)";

    // No index: there are thousands of keys at most, and an hour between two looks.
    private const string PruneText =
        """
        DELETE FROM surety_api_key WHERE prefix IN (
            SELECT prefix FROM surety_api_key WHERE min(ifnull(revoked_at, expires_at), ifnull(expires_at, revoked_at)) <= ?1 LIMIT ?2)
        """;

    public static Statement Add(Statements db, ApiKeyRecord key) => db.Prepare(AddText)
        .With(key.Prefix).With(key.Digest.Span).With(key.Principal).With(StoredJson.Scopes(key.Scopes))
        .With(key.CreatedAt).With(key.ExpiresAt).With(key.RevokedAt);

    public static Statement Find(Statements db, string prefix, DateTimeOffset now) => db.Prepare(FindText).With(now).With(prefix);

    public static Statement List(Statements db, string? principal, string? after, int limit, DateTimeOffset now) =>
        db.Prepare(ListText).With(now).With(principal).With(after).With(limit);

    public static Statement Revoke(Statements db, string prefix, DateTimeOffset now) => db.Prepare(RevokeText).With(prefix).With(now);

    /// <summary>Lets a key that works end after the overlap, if it does not end before.</summary>
    public static Statement Replace(Statements db, string prefix, TimeSpan overlap, DateTimeOffset now) =>
        db.Prepare(ReplaceText).With(prefix).With(now).With(now + overlap);

    /// <summary>A row, if the time of any is over and nobody has noted it yet.</summary>
    public static Statement HasExpired(Statements db, DateTimeOffset now) => db.Prepare(HasExpiredText).With(now);

    public static Statement EndExpired(Statements db, DateTimeOffset now) => db.Prepare(EndExpiredText).With(now);

    public static Statement NoteUse(Statements db, string prefix, DateTimeOffset at) => db.Prepare(NoteUseText).With(prefix).With(at);

    public static Statement Prune(Statements db, DateTimeOffset endedBy, int limit) => db.Prepare(PruneText).With(endedBy).With(limit);

    /// <summary>Whether the key's time is over and nobody has noted it yet.</summary>
    public static bool ToBeNoted(Statement row) => row.Bool(9);

    public static ApiKeyRecord Read(Statement row) => new()
    {
        Prefix = row.Text(0), Digest = row.Bytes(1).ToArray(), Principal = row.Text(2), Scopes = StoredJson.Scopes(row.Bytes(3)),
        CreatedAt = row.Instant(4), ExpiresAt = row.InstantOrNull(5), RevokedAt = row.InstantOrNull(6), UsedAt = row.InstantOrNull(7),
        EndsIn = row.LongOrNull(8) is { } left ? TimeSpan.FromMilliseconds(left) : null,
    };
}
