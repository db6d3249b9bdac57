using System.ComponentModel.DataAnnotations;
using Dapper;
using Surety;

namespace Payments;

internal static class AccountEndpoints
{
    private const int MaxPageSize = 500;

    public static void MapAccounts(this IEndpointRouteBuilder app)
    {
        app.MapPost("/accounts", OpenAsync).AcceptIdempotencyKey();
        app.MapGet("/accounts/{id}", GetAsync);
        app.MapGet("/accounts/{id}/entries", EntriesAsync);
    }

    private static async Task<IResult> OpenAsync(OpenAccount request, UnitOfWork work)
    {
        var id = await work.Connection.ExecuteScalarAsync<long>(
            "INSERT INTO account (kind, owner, currency, overdraft_limit) VALUES ('customer', @Owner, @Currency, @limit) RETURNING id",
            new { request.Owner, request.Currency, limit = Ids.Parse(request.OverdraftLimit) },
            work.Transaction);
        var account = await Ledger.FindAsync(work.Connection, id, work);
        return Results.Created($"/accounts/{id}", AccountView.Of(account!));
    }

    private static async Task<IResult> GetAsync(string id, Database database, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        if (await Ledger.FindAsync(connection, Ids.Parse(id)) is not { } account) return Refusal.NoAccount(id).AsResult();
        var tag = $"\"{account.Revision}\"";
        http.Response.Headers.ETag = tag;
        return http.Request.Headers.IfNoneMatch == tag ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Ok(AccountView.Of(account));
    }

    /// <summary>Newest first. A page ends at an entry, not at a number of rows, so that entries posted meanwhile shift nothing.</summary>
    private static async Task<IResult> EntriesAsync(string id, string? pageToken, Database database, CancellationToken cancel, [Range(1, MaxPageSize)] int pageSize = 50)
    {
        var before = long.MaxValue;
        if (pageToken is not null && (before = Ids.Parse(pageToken)) == 0) return Problem.Of(400, "cursor-invalid", "pageToken is not one that this list gave out. Begin again without it.");

        await using var connection = await database.OpenReadAsync(cancel);
        if (await Ledger.FindAsync(connection, Ids.Parse(id)) is not { } account) return Refusal.NoAccount(id).AsResult();
        var rows = (await connection.QueryAsync<EntryRow>(
            """
            SELECT e.id, e.transfer, t.kind, t.reference, e.amount, e.balance_after AS BalanceAfter, t.posted_at AS PostedAt FROM entry e JOIN transfer t ON t.id = e.transfer
            WHERE e.account = @Id AND e.id < @before ORDER BY e.id DESC LIMIT @limit
            """,
            new { account.Id, before, limit = pageSize + 1 })).AsList();
        var page = rows.Take(pageSize).Select(EntryView.Of).ToList();
        return Results.Ok(new EntryPage(page, rows.Count > pageSize ? page[^1].Id : null));
    }

    private sealed record EntryRow(long Id, long Transfer, string Kind, string? Reference, long Amount, long BalanceAfter, long PostedAt);

    private sealed record EntryView(string Id, string TransferId, string Kind, string? Reference, string Amount, string BalanceAfter, DateTimeOffset PostedAt)
    {
        public static EntryView Of(EntryRow row) =>
            new(Ids.Text(row.Id), Ids.Text(row.Transfer), row.Kind, row.Reference, Ids.Text(row.Amount), Ids.Text(row.BalanceAfter), Ids.Instant(row.PostedAt));
    }

    private sealed record EntryPage(IReadOnlyList<EntryView> Items, string? NextPageToken);

    private sealed record AccountView(string Id, string Owner, string Currency, string Balance, string OverdraftLimit)
    {
        public static AccountView Of(Account account) =>
            new(Ids.Text(account.Id), account.Owner, account.Currency, Ids.Text(account.Balance), Ids.Text(account.OverdraftLimit));
    }
}
