using System.ComponentModel;
using Surety;

namespace Payments;

internal static class TransferEndpoints
{
    public static void MapTransfers(this IEndpointRouteBuilder app)
    {
        app.MapPost("/deposits", DepositAsync)
            .RequireIdempotencyKey().WithTags("Transfers").WithName("deposit").WithSummary("Deposit money")
            .WithDescription("Money comes in from outside, into one account. What is made is a transfer, too: Location is its address.")
            .Produces<DepositView>(201).Refuses(Refusal.NoAccount("99"), Refusal.TooMuch);
        app.MapPost("/transfers", TransferAsync)
            .RequireIdempotencyKey().WithTags("Transfers").WithName("transfer").WithSummary("Transfer money")
            .WithDescription(
                "From one account to another of the same currency. Debit, credit and the message that tells of them are one commit.")
            .Produces<TransferView>(201).Refuses(Refusal.NoAccount("99"), Refusal.TooLittle, Refusal.OtherCurrency, Refusal.TooMuch);
        app.MapGet("/transfers/{id}", GetAsync).WithTags("Transfers").WithName("getTransfer").WithSummary("Look at a transfer")
            .WithDescription("A transfer, a deposit, or a movement of a payout.")
            .Produces<TransferView>().Refuses(404, "transfer-not-found", "There is no transfer \"99\".");
    }

    /// <summary>The other side is the currency's settlement account, so that all entries of a currency sum to zero.</summary>
    private static async Task<IResult> DepositAsync(Deposit request, Ledger ledger, UnitOfWork work, CancellationToken cancel)
    {
        if (await Customers.FindAsync(request.Account, work, cancel) is not { } account)
            return Refusal.NoAccount(request.Account).AsResult();
        var settlement = await Ledger.HouseAccountAsync("settlement", account.Currency, work, cancel);
        var posting = await ledger.PostAsync(
            new Movement("deposit", settlement, account.Id, Ids.Parse(request.Amount), request.Reference), work, cancel);
        if (posting.Refusal is { } refusal) return refusal.AsResult();
        var deposit = posting.Transfer!;
        return Results.Created(
            $"/transfers/{deposit.Id}", new DepositView(
                Ids.Text(deposit.Id), request.Account, request.Amount, deposit.Currency, request.Reference, Ids.Instant(deposit.PostedAt)));
    }

    private static async Task<IResult> TransferAsync(TransferMoney request, Ledger ledger, UnitOfWork work, CancellationToken cancel)
    {
        if (await Customers.FindAsync(request.From, work, cancel) is not { } from) return Refusal.NoAccount(request.From).AsResult();
        if (await Customers.FindAsync(request.To, work, cancel) is not { } to) return Refusal.NoAccount(request.To).AsResult();
        var posting = await ledger.PostAsync(
            new Movement("transfer", from.Id, to.Id, Ids.Parse(request.Amount), request.Reference), work, cancel);
        return posting.Refusal?.AsResult() ?? Results.Created($"/transfers/{posting.Transfer!.Id}", TransferView.Of(posting.Transfer));
    }

    private static async Task<IResult> GetAsync([Id("transfer")] string id, SuretyDatabase database, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return await Ledger.FindTransferAsync(connection, Ids.Parse(id), cancel) is { } transfer
            ? Results.Ok(TransferView.Of(transfer))
            : HttpProblem.Of(404, "transfer-not-found", $"There is no transfer \"{(id.Length <= 20 ? id : id[..20])}\".");
    }

    private sealed record DepositView(
        [Id("transfer")] string Id, [Id("account")] string Account, [Amount] string Amount,
            [Currency] string Currency, [Example("salary")] string Reference, DateTimeOffset PostedAt);

    private sealed record TransferView(
        [Id("transfer")] string Id,
        [Id("account")] string From,
        [Id("account")] string To,
        [MinorUnits("How much was moved")] string Amount,
        [Currency] string Currency,
        [Description("What it was for."), Example("rent")] string? Reference,
        DateTimeOffset PostedAt)
    {
        public static TransferView Of(Transfer t) =>
            new(Ids.Text(t.Id), Ids.Text(
                t.FromAccount), Ids.Text(t.ToAccount), Ids.Text(t.Amount), t.Currency, t.Reference, Ids.Instant(t.PostedAt));
    }
}

/// <summary>Accounts as clients may name them: the house's own are not for them to move money with.</summary>
internal static class Customers
{
    public static async Task<Account?> FindAsync(string id, UnitOfWork work, CancellationToken cancel) =>
        await Ledger.FindAsync(work.Connection, Ids.Parse(id), cancel, work) is { Kind: "customer" } account ? account : null;
}
