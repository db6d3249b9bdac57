using Dapper;
using Surety;

namespace Payments;

/// <summary>Money has moved. Enqueued in the commit that moved it.</summary>
[Message("transfer.posted")]
public sealed record TransferPosted(long TransferId);

/// <summary>
/// Copies entries to the analysts' table, many to a commit. That commit also says that the messages are handled, so each entry arrives
/// exactly once.
/// </summary>
public sealed class ExportEntries : ITransactionalBatchHandler<TransferPosted>
{
    public async Task<IReadOnlyList<Outcome>> HandleAsync(
        IReadOnlyList<Delivery<TransferPosted>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
    {
        // {=ids}: the numbers themselves. Dapper hands a list of parameters to PostgreSQL as one array, which IN does not take.
        await work.Connection.ExecuteAsync(new(
            """
            INSERT INTO analytics_entry (entry, account, currency, amount, posted_at)
            SELECT e.id, e.account, t.currency, e.amount, t.posted_at FROM entry e JOIN transfer t ON t.id = e.transfer WHERE t.id IN {=ids}
            """,
            new { ids = deliveries.Select(d => d.Message.TransferId) },
            work.Transaction,
            cancellationToken: cancellationToken));
        return [.. deliveries.Select(_ => Outcome.Done)];
    }
}
