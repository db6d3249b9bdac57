namespace Surety.Sqlite.Sql;

/// <summary>What is used of quotas, by the digest of quota and caller.</summary>
internal static class QuotaSql
{
    // By the file's own time, which does not go back: a window that began later is one that a version before began by its wall clock. Of
    // less than a window it is gone on with, so that nobody gets it twice; otherwise the window begins anew, or the quota would stay shut
    // for as long.
    private const string LeaseText =
        """
        INSERT INTO surety_quota (key, window_start, window_end, leased, granted) VALUES (?1, ?2, ?2 + ?3, min(?4, ?5), min(?4, ?5))
        ON CONFLICT (key) DO UPDATE SET
            granted = CASE WHEN window_start BETWEEN ?2 AND ?2 + ?3 THEN max(0, min(?4, ?5 - leased)) ELSE min(?4, ?5) END,
            leased = CASE WHEN window_start BETWEEN ?2 AND ?2 + ?3 THEN leased + max(0, min(?4, ?5 - leased)) ELSE min(?4, ?5) END,
            window_end = CASE WHEN window_start BETWEEN ?2 AND ?2 + ?3 THEN window_end ELSE ?2 + ?3 END,
            window_start = CASE WHEN window_start BETWEEN ?2 AND ?2 + ?3 THEN window_start ELSE ?2 END
        RETURNING granted, leased, window_end
        """;

    private const string PruneText = "DELETE FROM surety_quota WHERE key IN (SELECT key FROM surety_quota WHERE window_end <= ?1 LIMIT ?2)";

    /// <summary>Answers with what was granted, what is used up, and the end of the window.</summary>
    public static Statement Lease(Statements db, ReadOnlySpan<byte> key, int want, int permits, long windowMs, long steadyMs) =>
        db.Prepare(LeaseText).With(key).With(steadyMs - (steadyMs % windowMs)).With(windowMs).With((long)want).With((long)permits);

    public static Statement Prune(Statements db, DateTimeOffset steady, int limit) => db.Prepare(PruneText).With(steady).With(limit);
}
