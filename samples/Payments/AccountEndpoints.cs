using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Dapper;
using Surety;

namespace Payments;

internal static class AccountEndpoints
{
    private const int MaxPageSize = 500;

    public static void MapAccounts(this IEndpointRouteBuilder app)
    {
        app.MapPost("/accounts", OpenAsync)
            .AcceptIdempotencyKey().WithTags("Accounts").WithName("openAccount").WithSummary("Open an account")
            .WithDescription("A new account, which holds nothing.").Produces<AccountView>(201);
        app.MapGet("/accounts/{id}", GetAsync)
            .WithTags("Accounts").WithName("getAccount").WithSummary("Look at an account").WithDescription("The account and its balance.")
            .Produces<AccountView>().ProducesEntityTag().Refuses(Refusal.NoAccount("99"));
        app.MapPatch("/accounts/{id}", ChangeAsync)
            .RequireIfMatch().AcceptIdempotencyKey().WithTags("Accounts").WithName("changeAccount").WithSummary("Change an account")
            .WithDescription("Its owner's name or its limit; what is left out stays.")
            .Produces<AccountView>().ProducesEntityTag().Refuses(Refusal.NoAccount("99"))
            .Refuses(422, "overdraft-in-use", "Account 1 holds -500; its limit cannot be less than 500.");
        app.MapGet("/accounts/{id}/entries", EntriesAsync)
            .WithTags("Accounts").WithName("listEntries").WithSummary("List an account's entries")
            .WithDescription("Newest first, in pages: the next one begins with nextPageToken, which is null on the last.")
            .ProducesPage<EntryView>().Refuses(Refusal.NoAccount("99"));
    }

    private static async Task<IResult> OpenAsync(OpenAccount request, UnitOfWork work, CancellationToken cancel)
    {
        var id = await work.Connection.ExecuteScalarAsync<long>(new(
            "INSERT INTO account (kind, owner, currency, overdraft_limit) VALUES ('customer', @Owner, @Currency, @limit) RETURNING id",
            new { request.Owner, request.Currency, limit = Ids.Parse(request.OverdraftLimit) },
            work.Transaction,
            cancellationToken: cancel));
        var account = await Ledger.FindAsync(work.Connection, id, cancel, work);
        return Results.Created($"/accounts/{id}", AccountView.Of(account!));
    }

    private static async Task<IResult> GetAsync([Id("account")] string id, SuretyDatabase database, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return await Ledger.FindAsync(connection, Ids.Parse(id), cancel) is { } account
            ? Preconditions.Ok(AccountView.Of(account), account.Revision) : Refusal.NoAccount(id).AsResult();
    }

    /// <summary>
    /// Only on top of what the client has seen: two who raise a limit at once must not both believe that theirs is the one.
    /// </summary>
    private static async Task<IResult> ChangeAsync(
        [Id("account")] string id, ChangeAccount request, HttpContext http, BookStore store, UnitOfWork work, CancellationToken cancel)
    {
        if (await Ledger.LockAsync(Ids.Parse(id), store, work, cancel) is not { Kind: "customer" } account)
            return Refusal.NoAccount(id).AsResult();
        if (Preconditions.Refuse(http, account.Revision) is { } refusal) return refusal;
        var changed = account with
        {
            Owner = request.Owner ?? account.Owner, OverdraftLimit = request.OverdraftLimit is { } limit
                ? Ids.Parse(limit) : account.OverdraftLimit, Revision = account.Revision + 1,
        };
        if (changed.Balance < -changed.OverdraftLimit)
            return HttpProblem.Of(
                422, "overdraft-in-use",
                $"Account {account.Id} holds {account.Balance}; its limit cannot be less than {-account.Balance}.");
        await work.Connection.ExecuteAsync(new(
            "UPDATE account SET owner = @Owner, overdraft_limit = @OverdraftLimit, revision = @Revision WHERE id = @Id",
                changed, work.Transaction, cancellationToken: cancel));
        return Preconditions.Ok(AccountView.Of(changed), changed.Revision);
    }

    /// <summary>Newest first. A page ends at an entry, not at a number of rows, so that entries posted meanwhile shift nothing.</summary>
    private static async Task<IResult> EntriesAsync(
        [Id("account")] string id, string? pageToken, HttpContext http, SuretyDatabase database,
            CancellationToken cancel, [Range(1, MaxPageSize), Description("How many entries a page has at most.")] int pageSize = 50)
    {
        if (Paging.Read(http, pageToken, out var after) is { } refusal) return refusal;
        var before = after is null ? long.MaxValue : Ids.Parse(after);

        await using var connection = await database.OpenReadAsync(cancel);
        if (await Ledger.FindAsync(connection, Ids.Parse(id), cancel) is not { } account) return Refusal.NoAccount(id).AsResult();
        var rows = (await connection.QueryAsync<EntryRow>(new(
            """
            SELECT e.id, e.transfer, t.kind, t.reference, e.amount, e.balance_after AS BalanceAfter, t.posted_at AS PostedAt
            FROM entry e JOIN transfer t ON t.id = e.transfer
            WHERE e.account = @Id AND e.id < @before ORDER BY e.id DESC LIMIT @limit
            """,
            new { account.Id, before, limit = pageSize + 1 },
            cancellationToken: cancel))).AsList();
        var page = rows.Take(pageSize).Select(EntryView.Of).ToList();
        return Paging.Page(http, page, rows.Count > pageSize ? page[^1].Id : null);
    }

    private sealed record EntryRow(long Id, long Transfer, string Kind, string? Reference, long Amount, long BalanceAfter, long PostedAt);

    private sealed record EntryView(
        [Id("entry")] string Id,
        [Id("transfer")] string TransferId,
        [Description("deposit, transfer, hold, paid or release."), Example("deposit")] string Kind,
        [Description("What it was for."), Example("salary")] string? Reference,
        [MinorUnits("What came in, or went out")] string Amount,
        [MinorUnits("The account's balance after it")] string BalanceAfter,
        DateTimeOffset PostedAt)
    {
        public static EntryView Of(EntryRow row) =>
            new(Ids.Text(row.Id), Ids.Text(
                row.Transfer), row.Kind, row.Reference, Ids.Text(row.Amount), Ids.Text(row.BalanceAfter), Ids.Instant(row.PostedAt));
    }

    private sealed record AccountView(
        [Id("account")] string Id,
        [Example("Ada")] string Owner,
        [Currency] string Currency,
        [MinorUnits("What it holds")] string Balance,
        [MinorUnits("How far below zero it may go")] string OverdraftLimit)
    {
        public static AccountView Of(Account account) =>
            new(Ids.Text(account.Id), account.Owner, account.Currency, Ids.Text(account.Balance), Ids.Text(account.OverdraftLimit));
    }
}
