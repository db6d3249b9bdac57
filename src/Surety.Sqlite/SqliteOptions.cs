namespace Surety;

/// <summary>How the embedded store behaves under load and misuse. The defaults fit.</summary>
public sealed class SqliteOptions
{
    /// <summary>
    /// How long one unit of work may hold the write lock, 10 ms to 10 min. Default 30 s. Then it is rolled back, and every later use of it
    /// throws: everybody else was waiting for it.
    /// </summary>
    public TimeSpan UnitOfWorkTimeout { get; set => field = Checked(value, TimeSpan.FromMinutes(10), nameof(UnitOfWorkTimeout)); } =
        TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a write may wait for its turn, 10 ms to 10 min. Default 30 s. Then it fails with a transient <see cref="StoreException"/>;
    /// nothing happened.
    /// </summary>
    public TimeSpan WriteWaitLimit { get; set => field = Checked(value, TimeSpan.FromMinutes(10), nameof(WriteWaitLimit)); } =
        TimeSpan.FromSeconds(30);

    /// <summary>
    /// How many writes may wait for their turn, 1 to 1,000,000. Default 10,000. The next one fails at once with a transient
    /// <see cref="StoreException"/>.
    /// </summary>
    public int MaxWaitingWriters
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1_000_000);
            field = value;
        }
    } = 10_000;

    private static TimeSpan Checked(TimeSpan value, TimeSpan most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromMilliseconds(10), name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
        return value;
    }
}
