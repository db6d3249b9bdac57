using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>What is used of quotas.</summary>
internal sealed class SqliteQuotas(SqliteSession session) : IQuotaStore
{
    public ValueTask<LeasedPermits> LeaseAsync(
        ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(want);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(permits);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, TimeSpan.FromSeconds(1));
        return session.WriteAsync(null, db =>
        {
            var steadyMs = session.Steady.ToUnixTimeMilliseconds();
            return QuotaSql.Lease(db, key.Span, want, permits, (long)window.TotalMilliseconds, steadyMs).Changed(
                row => new LeasedPermits(row.Int(0), Math.Max(0, permits - row.Int(1)), TimeSpan.FromMilliseconds(row.Long(2) - steadyMs)),
                none: default);
        }, cancel);
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) =>
        session.WriteAsync(null, db => QuotaSql.Prune(db, session.Steady, limit).Run(), cancellationToken);
}
