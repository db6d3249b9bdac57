using Dapper;
using Surety;

namespace Payments;

/// <summary>Pays a customer's money out through the provider. The money was set aside when the payout was accepted.</summary>
[Message("payout.requested")]
public sealed record PayoutRequested(long PayoutId);

/// <summary>Nobody tries to pay any more (given up, or cancelled): find out what the provider did, and book that.</summary>
[Message("payout.given-up")]
public sealed record PayoutGivenUp(long PayoutId);

internal static class PayoutEndpoints
{
    public static void MapPayouts(this IEndpointRouteBuilder app) => app.MapPost("/payouts", AcceptAsync).RequireIdempotencyKey();

    private static async Task<IResult> AcceptAsync(RequestPayout request, PayoutBook payouts, Jobs jobs, UnitOfWork work, CancellationToken cancel)
    {
        if (await Customers.FindAsync(request.Account, work) is not { } account) return Refusal.NoAccount(request.Account).AsResult();
        var (id, refusal) = await payouts.HoldAsync(account, Ids.Parse(request.Amount), request.Destination, work, cancel);
        return refusal?.AsResult() ?? await jobs.AcceptAsync(new PayoutRequested(id), cancel: cancel);
    }
}

/// <summary>
/// A payout's money goes from the account to the currency's holding account, and from there either out (paid) or back (released). Each step happens once, whoever asks and how often: it is guarded
/// by the payout's state, in the transaction that moves the money.
/// </summary>
public sealed class PayoutBook(Ledger ledger, Database database, TimeProvider time)
{
    public async Task<(long Id, Refusal? Refusal)> HoldAsync(Account account, long amount, string destination, UnitOfWork work, CancellationToken cancel)
    {
        var held = await Ledger.HouseAccountAsync("held", account.Currency, work);
        var posting = await ledger.PostAsync(new Movement("hold", account.Id, held, amount, destination), work, cancel);
        if (posting.Refusal is { } refusal) return (0, refusal);
        var id = await work.Connection.ExecuteScalarAsync<long>(
            """
            INSERT INTO payout (state, account, amount, currency, destination, provider_key)
            VALUES ('held', @Id, @amount, @Currency, @destination, @key) RETURNING id
            """,
            new { account.Id, amount, account.Currency, destination, key = Guid.CreateVersion7(time.GetUtcNow()).ToString("N") },
            work.Transaction);
        return (id, null);
    }

    public async Task<Payout> FindAsync(long id, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return await connection.QuerySingleAsync<Payout>(
            "SELECT id, state, account, amount, currency, destination, provider_key AS ProviderKey FROM payout WHERE id = @id", new { id });
    }

    public Task PaidAsync(Payout payout, string providerReference, CancellationToken cancel) =>
        EndAsync(payout, "paid", providerReference, work => Ledger.HouseAccountAsync("settlement", payout.Currency, work), cancel);

    public Task ReleaseAsync(Payout payout, CancellationToken cancel) => EndAsync(payout, "released", null, _ => Task.FromResult(payout.Account), cancel);

    private async Task EndAsync(Payout payout, string state, string? providerReference, Func<UnitOfWork, Task<long>> receiver, CancellationToken cancel)
    {
        await using var work = await database.BeginAsync(cancel);
        var changed = await work.Connection.ExecuteAsync(
            "UPDATE payout SET state = @state, provider_reference = @providerReference WHERE id = @Id AND state = 'held'", new { payout.Id, state, providerReference }, work.Transaction);
        if (changed == 0) return;
        var held = await Ledger.HouseAccountAsync("held", payout.Currency, work);
        var movement = new Movement(state == "paid" ? "paid" : "release", held, await receiver(work), payout.Amount, payout.Destination);
        var posting = await ledger.PostAsync(movement, work, cancel);
        if (posting.Refusal is { } refusal) throw new InvalidOperationException($"Payout {payout.Id} cannot be {state}: {refusal.Detail}");
        await work.CommitAsync();
    }
}

/// <summary>A payout's row.</summary>
public sealed record Payout(long Id, string State, long Account, long Amount, string Currency, string Destination, string ProviderKey);

/// <summary>Runs at least once. The provider acts once, because the key is the same each time; the booking happens once, because the payout's state guards it.</summary>
public sealed class PayoutHandler(PaymentProvider provider, PayoutBook payouts) : IHandler<PayoutRequested>
{
    public async Task<Outcome> HandleAsync(Delivery<PayoutRequested> delivery, CancellationToken cancel)
    {
        var payout = await payouts.FindAsync(delivery.Message.PayoutId, cancel);
        var answer = await provider.PayAsync(payout, cancel);
        if (answer.Refused is { } reason) return Outcome.Reject(reason);
        await payouts.PaidAsync(payout, answer.Reference!, cancel);
        return Outcome.DoneWith($$"""{"payoutId":"{{payout.Id}}","providerReference":"{{answer.Reference}}"}""");
    }
}

/// <summary>
/// Giving up on a payout says nothing about what the provider did: an answer may have been lost. So the provider is asked to void the key. It then either never pays under it, and the money goes
/// back, or says that it has paid, and that is booked.
/// </summary>
public sealed class PayoutGivenUpHandler(PaymentProvider provider, PayoutBook payouts) : IHandler<PayoutGivenUp>
{
    public async Task<Outcome> HandleAsync(Delivery<PayoutGivenUp> delivery, CancellationToken cancel)
    {
        var payout = await payouts.FindAsync(delivery.Message.PayoutId, cancel);
        if (await provider.VoidAsync(payout, cancel) is { } reference) await payouts.PaidAsync(payout, reference, cancel);
        else await payouts.ReleaseAsync(payout, cancel);
        return Outcome.Done;
    }
}
