using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text;
using Dapper;
using Microsoft.Extensions.Validation;
using Surety;

namespace Payments;

/// <summary>An account's entries between two instants (the second excluded), as CSV. The request's body is the message.</summary>
[Message("report.requested"), ValidatableType]
public sealed record AccountReport(
    [property: Required, StringLength(20, MinimumLength = 1), Description("The account's id."), Example("1")] string Account,
    [property: Description("The first instant of the report."), Example("2026-05-01T00:00:00Z")] DateTimeOffset From,
    [property: Description("The instant before which the report ends; after from."), Example("2026-06-01T00:00:00Z")] DateTimeOffset To)
        : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (To <= From) yield return new ValidationResult("to must be after from.", [nameof(To)]);
    }
}

internal static class ReportEndpoints
{
    public static void MapReports(this IEndpointRouteBuilder app) =>
        app.MapPost("/reports", RequestAsync).AcceptIdempotencyKey()
            .WithTags("Reports").WithName("requestReport").WithSummary("Ask for a report")
            .WithDescription("An account's entries between two instants, as CSV: the result of the job. At most 10,000 lines.")
            .ProducesJob().Refuses(Refusal.NoAccount("99"));

    /// <summary>A report that cannot be made is refused here: accepted, it would end as a dead letter for somebody to look at.</summary>
    private static async Task<IResult> RequestAsync(AccountReport report, Jobs jobs, UnitOfWork work, CancellationToken cancel) =>
        await Ledger.FindAsync(work.Connection, Ids.Parse(report.Account), cancel, work) is { Kind: "customer" }
            ? await jobs.AcceptAsync(report, cancellationToken: cancel) : Refusal.NoAccount(report.Account).AsResult();
}

public sealed class AccountReportHandler(Database database) : IHandler<AccountReport>
{
    /// <summary>A job keeps 1 MiB of result at most.</summary>
    private const int MaxLines = 10_000;

    public async Task<Outcome> HandleAsync(Delivery<AccountReport> delivery, CancellationToken cancellationToken)
    {
        var report = delivery.Message;
        await using var connection = await database.OpenReadAsync(cancellationToken);
        if (await Ledger.FindAsync(connection, Ids.Parse(report.Account), cancellationToken) is not { Kind: "customer" } account)
            return Outcome.Reject($"There is no account \"{report.Account}\".");
        var rows = (await connection.QueryAsync<Row>(new(
            """
            SELECT e.id, e.transfer, e.amount, e.balance_after AS BalanceAfter, t.posted_at AS PostedAt
            FROM entry e JOIN transfer t ON t.id = e.transfer
            WHERE e.account = @Id AND t.posted_at >= @from AND t.posted_at < @to ORDER BY e.id LIMIT @limit
            """,
            new { account.Id, from = report.From.ToUnixTimeMilliseconds(), to = report.To.ToUnixTimeMilliseconds(), limit = MaxLines + 1 },
            cancellationToken: cancellationToken))).AsList();
        if (rows.Count > MaxLines) return Outcome.Reject($"The report would have more than {MaxLines} lines; ask for a shorter time.");

        var csv = new StringBuilder("id,transferId,amount,balanceAfter,postedAt\r\n");
        foreach (var row in rows)
            csv.Append(
                CultureInfo.InvariantCulture,
                $"{row.Id},{row.Transfer},{row.Amount},{row.BalanceAfter},{Ids.Instant(row.PostedAt).UtcDateTime:O}\r\n");
        delivery.ReportProgress(rows.Count, rows.Count, "lines");

        return Outcome.DoneWith(csv.ToString(), "text/csv; charset=utf-8");
    }

    private sealed record Row(long Id, long Transfer, long Amount, long BalanceAfter, long PostedAt);
}
