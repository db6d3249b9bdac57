namespace Surety.Sqlite.Sql;

/// <summary>Instants are stored as whole milliseconds.</summary>
internal static class Instants
{
    /// <summary>
    /// How long a message stays that was cancelled from outside its queue's host, where nobody says for how long: the default of
    /// <see cref="QueueOptions.Retention"/>.
    /// </summary>
    public static TimeSpan DefaultRetention { get; } = new QueueOptions().Retention;

    public static DateTimeOffset Now(TimeProvider time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());

    public static DateTimeOffset RoundUp(DateTimeOffset instant)
    {
        var whole = DateTimeOffset.FromUnixTimeMilliseconds(instant.ToUnixTimeMilliseconds());
        return whole == instant ? whole : whole.AddMilliseconds(1);
    }
}
