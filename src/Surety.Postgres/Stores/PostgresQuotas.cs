using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>What is used of quotas.</summary>
internal sealed class PostgresQuotas(PostgresSession session, QuotaSql sql) : IQuotaStore
{
    public ValueTask<LeasedPermits> LeaseAsync(ReadOnlyMemory<byte> key, int want, int permits, TimeSpan window, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 64, nameof(key));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(want);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(permits);
        ArgumentOutOfRangeException.ThrowIfLessThan(window, TimeSpan.FromSeconds(1));
        return session.WriteAsync(null, async reader =>
        {
            await reader.ReadAsync(CancellationToken.None);
            return new LeasedPermits(reader.GetInt32(0), reader.GetInt32(1), reader.GetTimeSpan(2));
        }, cancel, sql.Lease(key.ToArray(), want, permits, window));
    }

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) =>
        session.WriteAsync(
            null, async reader => await reader.ReadAsync(CancellationToken.None) ? (int)reader.GetInt64(0) : 0, cancellationToken,
            sql.Prune(limit));
}
