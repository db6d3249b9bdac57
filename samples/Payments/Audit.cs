using System.ComponentModel;
using Dapper;
using Surety;

namespace Payments;

/// <summary>Proves the books from the rows themselves, in one snapshot.</summary>
internal static class AuditEndpoint
{
    public static void MapAudit(this IEndpointRouteBuilder app) =>
        app.MapGet("/audit", GetAsync).WithTags("Books").WithName("audit").WithSummary("Prove the books")
        .WithDescription(
            "Counted from the rows themselves, in one snapshot: every sum is zero, and nothing is mismatched, unbalanced, overdrawn or "
                + "exported twice.").Produces<AuditView>();

    private static async Task<IResult> GetAsync(SuretyDatabase database, BookStore store, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        await using var snapshot = await store.SnapshotAsync(connection, cancel);
        var sums = await connection.QueryAsync<(string Currency, long Sum)>(new(
            "SELECT a.currency, CAST(SUM(e.amount) AS BIGINT) FROM entry e JOIN account a ON a.id = e.account GROUP BY a.currency",
                transaction: snapshot, cancellationToken: cancel));
        return Results.Ok(new AuditView(
            await CountAsync("SELECT COUNT(*) FROM transfer"),
            await CountAsync("SELECT COUNT(*) FROM entry"),
            sums.ToDictionary(s => s.Currency, s => Ids.Text(s.Sum)),
            await CountAsync(
                "SELECT COUNT(*) FROM account a "
                    + "WHERE a.balance <> (SELECT COALESCE(SUM(e.amount), 0) FROM entry e WHERE e.account = a.id)"),
            await CountAsync(
                "SELECT COUNT(*) FROM transfer t WHERE (SELECT COUNT(*) FROM entry e WHERE e.transfer = t.id) <> 2 OR (SELECT "
                    + "SUM(e.amount) FROM entry e WHERE e.transfer = t.id) <> 0"),
            await CountAsync("SELECT COUNT(*) FROM account WHERE kind <> 'settlement' AND balance < -overdraft_limit"),
            await CountAsync("SELECT COUNT(*) FROM payout WHERE state = 'held'"),
            await CountAsync("SELECT COUNT(*) FROM analytics_entry"),
            await CountAsync("SELECT COUNT(*) FROM (SELECT entry FROM analytics_entry GROUP BY entry HAVING COUNT(*) > 1) AS doubled")));

        Task<long> CountAsync(string sql) =>
            connection.ExecuteScalarAsync<long>(new(sql, transaction: snapshot, cancellationToken: cancel));
    }

    private sealed record AuditView(
        long Transfers, long Entries, [Description("The sum of all entries of each currency; \"0\" always."), Example(
            "{\"EUR\":\"0\"}")] IReadOnlyDictionary<string, string> Sums,
            long MismatchedAccounts, long UnbalancedTransfers, long OverdrawnAccounts, long OpenHolds, long Exported, long ExportedTwice);
}
