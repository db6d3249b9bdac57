namespace Surety;

/// <summary>How the PostgreSQL store is set up. The defaults fit a single server.</summary>
public sealed class PostgresOptions
{
    /// <summary>
    /// The schema that holds Surety's tables: 1 to 63 of a-z, 0-9 and '_', not starting with a digit. Default <c>surety</c>.
    /// </summary>
    public string Schema
    {
        get;
        set => field = IsName(value)
            ? value
            : throw new ArgumentException(
                $"The schema name \"{value}\" is not 1 to 63 of a-z, 0-9 and '_', starting with no digit.", nameof(value));
    } = "surety";

    /// <summary>
    /// How durable a commit has to be; checked against the server's live settings. Default <see cref="PostgresDurability.Single"/>.
    /// </summary>
    public PostgresDurability Durability { get; set; } = PostgresDurability.Single;

    /// <summary>What the host does about a schema that is older than this program. Default <see cref="PostgresMigration.Apply"/>.</summary>
    public PostgresMigration Migration { get; set; } = PostgresMigration.Apply;

    /// <summary>
    /// How long a unit of work from <see cref="SuretyDatabase.BeginAsync"/> may wait for its next statement, or for a lock, and on
    /// PostgreSQL 17 and newer how long it may take; 1 s to 1 day. Default 5 min. Five
    /// seconds later the server ends it, so that a process which is frozen in the middle of one does not keep its locks. An endpoint's has
    /// <c>EdgeOptions.CommandTimeout</c> and a handler's
    /// <see cref="QueueOptions.HandlerTimeout"/> in its place. Where the session's own setting is shorter, that holds.
    /// </summary>
    public TimeSpan UnitOfWorkTimeout
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.FromSeconds(1));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, TimeSpan.FromDays(1));
            field = value;
        }
    } = TimeSpan.FromMinutes(5);

    private static bool IsName(string name) =>
        name is { Length: >= 1 and <= 63 } && !char.IsAsciiDigit(name[0])
            && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_');
}

/// <summary>What a commit has survived when it is acknowledged.</summary>
public enum PostgresDurability
{
    /// <summary>The loss of power: <c>fsync</c>, <c>full_page_writes</c> and <c>synchronous_commit</c> are on.</summary>
    Single,

    /// <summary>Also the loss of a server: in addition <c>synchronous_standby_names</c> names a quorum (<c>ANY k (…)</c>).</summary>
    Quorum,
}

/// <summary>What the host does about the schema at its start.</summary>
public enum PostgresMigration
{
    /// <summary>Bring it up to date. Safe from several nodes at once.</summary>
    Apply,

    /// <summary>Refuse to start unless it is as new as this program needs; for deployments that migrate in a step of their own.</summary>
    Validate,
}
