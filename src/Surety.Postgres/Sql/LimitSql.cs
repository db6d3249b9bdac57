using System.Globalization;

namespace Surety.Postgres.Sql;

/// <summary>The limits that a transaction sets for itself.</summary>
internal static class LimitSql
{
    /// <summary>Those it sets, with the session's own: the shorter one holds.</summary>
    public const string IdleTimeout = "idle_in_transaction_session_timeout";

    /// <inheritdoc cref="IdleTimeout"/>
    public const string LockTimeout = "lock_timeout", TransactionTimeout = "transaction_timeout";

    public static string Set(IEnumerable<(string Name, int Ms)> limits) =>
        string.Join(';', limits.Select(l => string.Create(CultureInfo.InvariantCulture, $"SET LOCAL {l.Name}={l.Ms}")));
}
