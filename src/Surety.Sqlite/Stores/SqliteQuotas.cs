using Surety.Sqlite.Hosting;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>What is used of quotas.</summary>
internal sealed class SqliteQuotas(SqliteStore store) : IQuotaStore
{
    public ValueTask<LeasedPermits> LeaseAsync(ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(want);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(permits);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, TimeSpan.FromSeconds(1));
        return store.WriteAsync(null, db => QuotaSql.Lease(db, key.Span, want, permits, window, store.Steady), cancel);
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancel) => store.WriteAsync(null, db => QuotaSql.Prune(db, store.Steady, limit), cancel);
}
