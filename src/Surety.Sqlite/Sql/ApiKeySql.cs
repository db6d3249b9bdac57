using Surety.Storage;

namespace Surety.Sqlite.Sql;

/// <summary>API keys, as digests.</summary>
internal static class ApiKeySql
{
    private const int MostListed = 1000;

    private const string AddText =
        "INSERT INTO surety_api_key (prefix, digest, principal, scopes, created_at, expires_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    private const string FindText = "SELECT prefix, digest, principal, scopes, created_at, expires_at, revoked_at FROM surety_api_key WHERE prefix = ?1";

    private const string ListText =
        "SELECT prefix, digest, principal, scopes, created_at, expires_at, revoked_at FROM surety_api_key ORDER BY created_at DESC, prefix DESC LIMIT ?1";

    private const string RevokeText = "UPDATE surety_api_key SET revoked_at = ?2 WHERE prefix = ?1 AND revoked_at IS NULL";

    public static void Add(Statements db, ApiKeyRecord key) => db.Prepare(AddText)
        .With(key.Prefix).With(key.Digest.Span).With(key.Principal).With(StoredJson.Scopes(key.Scopes)).With(key.CreatedAt).With(key.ExpiresAt).With(key.RevokedAt).Run();

    public static ApiKeyRecord? Find(Statements db, string prefix) => db.Prepare(FindText).With(prefix).One(Read);

    public static IReadOnlyList<ApiKeyRecord> List(Statements db)
    {
        var keys = new List<ApiKeyRecord>();
        var rows = db.Prepare(ListText).With(MostListed);
        while (rows.Step()) keys.Add(Read(rows));
        return keys;
    }

    public static bool Revoke(Statements db, string prefix, DateTimeOffset now) => db.Prepare(RevokeText).With(prefix).With(now).Run() == 1;

    private static ApiKeyRecord Read(Statement row) => new()
    {
        Prefix = row.Text(0), Digest = row.Bytes(1).ToArray(), Principal = row.Text(2), Scopes = StoredJson.Scopes(row.Bytes(3)),
        CreatedAt = row.Instant(4), ExpiresAt = row.InstantOrNull(5), RevokedAt = row.InstantOrNull(6),
    };
}
