using Npgsql;

namespace Surety.Postgres.Sql;

/// <summary>What is used of quotas, by the digest of quota and caller.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class QuotaSql(string s)
{
    // A clock that went back by less than a window goes on in the newer window, so that nobody gets it twice; after a longer jump the
    // window begins anew, or the quota would stay shut for as long.
    private const string GoesOn = "q.window_start BETWEEN excluded.window_start AND excluded.window_end";

    private readonly string lease =
        $"""
        INSERT INTO {s}.quota AS q (key, window_start, window_end, leased, granted)
        SELECT $1, w, w + $4 * interval '1 millisecond', least($2, $3), least($2, $3)
        FROM (SELECT to_timestamp(floor(extract(epoch FROM {s}.now()) * 1000)::bigint / $4 * $4 / 1000.0) AS w) AS windows
        ON CONFLICT (key) DO UPDATE SET
            granted = CASE WHEN {GoesOn} THEN greatest(0, least($2, $3 - q.leased)) ELSE excluded.granted END,
            leased = CASE WHEN {GoesOn} THEN q.leased + greatest(0, least($2, $3 - q.leased)) ELSE excluded.leased END,
            window_end = CASE WHEN {GoesOn} THEN q.window_end ELSE excluded.window_end END,
            window_start = CASE WHEN {GoesOn} THEN q.window_start ELSE excluded.window_start END
        RETURNING granted, greatest(0, $3 - leased), window_end - {s}.now()
        """;

    private readonly string prune =
        $"""
        WITH gone AS (
            DELETE FROM {s}.quota
            WHERE key = ANY (ARRAY(SELECT key FROM {s}.quota WHERE window_end <= {s}.now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1)
        SELECT count(*) FROM gone
        """;

    public NpgsqlBatchCommand Lease(byte[] key, int want, int permits, TimeSpan window) =>
        Statement.Of(lease).With(key).With(want).With(permits).With((long)window.TotalMilliseconds);

    public NpgsqlBatchCommand Prune(int limit) => Statement.Of(prune).With((long)limit);
}
