namespace Surety.Sqlite.Sql;

/// <summary>Which message holds which unique key, and until when, by the file's own time.</summary>
internal static class UniqueSql
{
    private const string HolderText =
        "SELECT message_id FROM surety_unique WHERE kind = ?1 AND key = ?2 AND (until IS NULL OR until > ?3)";

    // An expired holder is replaced.
    private const string TakeText =
        """
        INSERT INTO surety_unique (kind, key, message_id, until) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (kind, key) DO UPDATE SET message_id = ?3, until = ?4
        """;

    private const string FreeText = "DELETE FROM surety_unique WHERE kind = ?1 AND key = ?2 AND message_id = ?3 AND until IS NULL";

    private const string PruneText =
        "DELETE FROM surety_unique WHERE (kind, key) IN (SELECT kind, key FROM surety_unique WHERE until <= ?1 LIMIT ?2)";

    /// <summary>The message that holds the key.</summary>
    public static Statement Holder(Statements db, string kind, string key, DateTimeOffset steady) =>
        db.Prepare(HolderText).With(kind).With(key).With(steady);

    public static Statement Take(Statements db, string kind, string key, long message, DateTimeOffset? until) =>
        db.Prepare(TakeText).With(kind).With(key).With(message).With(until);

    /// <summary>Frees a key that was taken until the message finished.</summary>
    public static Statement Free(Statements db, string kind, string key, long message) =>
        db.Prepare(FreeText).With(kind).With(key).With(message);

    public static Statement Prune(Statements db, DateTimeOffset steady, int limit) => db.Prepare(PruneText).With(steady).With(limit);
}
