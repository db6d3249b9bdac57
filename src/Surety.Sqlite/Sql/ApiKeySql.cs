using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>API keys, as digests.</summary>
internal static class ApiKeySql
{
    private const string Columns = "prefix, digest, principal, scopes, created_at, expires_at, revoked_at";

    private const string AddText = $"INSERT INTO surety_api_key ({Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    private const string FindText = $"SELECT {Columns}, used_at FROM surety_api_key WHERE prefix = ?1";

    private const string ListText =
        $"""
        SELECT {Columns}, used_at FROM surety_api_key
        WHERE (?1 IS NULL OR principal = ?1) AND (?2 IS NULL OR (created_at, prefix) < (SELECT created_at, prefix FROM surety_api_key WHERE prefix = ?2))
        ORDER BY created_at DESC, prefix DESC LIMIT ?3
        """;

    private const string RevokeText = "UPDATE surety_api_key SET revoked_at = ?2 WHERE prefix = ?1 AND revoked_at IS NULL";

    private const string EndByText =
        "UPDATE surety_api_key SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE prefix = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?3)";

    private const string NoteUseText = "UPDATE surety_api_key SET used_at = ?2 WHERE prefix = ?1 AND (used_at IS NULL OR used_at < ?2)";

    // No index: there are thousands of keys at most, and an hour between two looks.
    private const string PruneText =
        """
        DELETE FROM surety_api_key WHERE prefix IN (
            SELECT prefix FROM surety_api_key WHERE min(ifnull(revoked_at, expires_at), ifnull(expires_at, revoked_at)) <= ?1 LIMIT ?2)
        """;

    public static void Add(Statements db, ApiKeyRecord key) => db.Prepare(AddText)
        .With(key.Prefix).With(key.Digest.Span).With(key.Principal).With(StoredJson.Scopes(key.Scopes)).With(key.CreatedAt).With(key.ExpiresAt).With(key.RevokedAt).Run();

    public static ApiKeyRecord? Find(Statements db, string prefix) => db.Prepare(FindText).With(prefix).One(Read);

    public static IReadOnlyList<ApiKeyRecord> List(Statements db, string? principal, string? after, int limit)
    {
        var keys = new List<ApiKeyRecord>();
        var rows = db.Prepare(ListText).With(principal).With(after).With(limit);
        while (rows.Step()) keys.Add(Read(rows));
        return keys;
    }

    public static bool Revoke(Statements db, string prefix, DateTimeOffset now) => db.Prepare(RevokeText).With(prefix).With(now).Run() == 1;

    public static bool EndBy(Statements db, string prefix, DateTimeOffset until, DateTimeOffset now) => db.Prepare(EndByText).With(prefix).With(until).With(now).Run() == 1;

    public static void NoteUse(Statements db, string prefix, DateTimeOffset at) => db.Prepare(NoteUseText).With(prefix).With(at).Run();

    public static int Prune(Statements db, DateTimeOffset endedBy, int limit) => db.Prepare(PruneText).With(endedBy).With(limit).Run();

    private static ApiKeyRecord Read(Statement row) => new()
    {
        Prefix = row.Text(0), Digest = row.Bytes(1).ToArray(), Principal = row.Text(2), Scopes = StoredJson.Scopes(row.Bytes(3)),
        CreatedAt = row.Instant(4), ExpiresAt = row.InstantOrNull(5), RevokedAt = row.InstantOrNull(6), UsedAt = row.InstantOrNull(7),
    };
}
