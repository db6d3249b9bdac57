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
    public static void MapPayouts(this IEndpointRouteBuilder app) =>
        app.MapPost("/payouts", AcceptAsync).RequireIdempotencyKey().WithTags("Payouts")
        .WithName("requestPayout").WithSummary("Pay money out")
        .WithDescription(
            "The money is set aside in the commit that accepts the payout, and then paid through the provider; when it cannot be paid, it "
                + "goes back.")
        .ProducesJob().Refuses(Refusal.NoAccount("99"), Refusal.TooLittle, Refusal.TooMuch);

    private static async Task<IResult> AcceptAsync(
        RequestPayout request, PayoutBook payouts, Jobs jobs, UnitOfWork work, CancellationToken cancel)
    {
        if (await Customers.FindAsync(request.Account, work, cancel) is not { } account)
            return Refusal.NoAccount(request.Account).AsResult();
        var (id, refusal) = await payouts.HoldAsync(account, Ids.Parse(request.Amount), request.Destination, work, cancel);
        return refusal?.AsResult() ?? await jobs.AcceptAsync(new PayoutRequested(id), cancellationToken: cancel);
    }
}

/// <summary>
/// A payout's money goes from the account to the currency's holding account, and from there either out (paid) or back (released). Each step
/// happens once, however often it is asked for: it is guarded
/// by the payout's state, in the transaction that moves the money.
/// </summary>
public sealed class PayoutBook(Ledger ledger, SuretyDatabase database, PaymentProviders providers, TimeProvider time)
{
    public async Task<(long Id, Refusal? Refusal)> HoldAsync(
        Account account, long amount, string destination, UnitOfWork work, CancellationToken cancel)
    {
        var held = await Ledger.HouseAccountAsync("held", account.Currency, work, cancel);
        var posting = await ledger.PostAsync(new Movement("hold", account.Id, held, amount, destination), work, cancel);
        if (posting.Refusal is { } refusal) return (0, refusal);
        var id = await work.Connection.ExecuteScalarAsync<long>(new(
            """
            INSERT INTO payout (state, account, amount, currency, destination, provider, provider_key)
            VALUES ('held', @Id, @amount, @Currency, @destination, @provider, @key) RETURNING id
            """,
            new { account.Id, amount, account.Currency, destination, provider = providers.HasFallback
                ? null : PaymentProviders.Primary, key = Guid.CreateVersion7(time.GetUtcNow()).ToString("N") },
            work.Transaction,
            cancellationToken: cancel));
        return (id, null);
    }

    public async Task<Payout> FindAsync(long id, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return await connection.QuerySingleAsync<Payout>(new(
            "SELECT id, state, account, amount, currency, destination, provider, provider_key AS ProviderKey FROM payout WHERE id = @id",
                new { id }, cancellationToken: cancel));
    }

    /// <summary>
    /// Notes which provider is asked, before it is. From then on nobody else is, until that one has promised never to pay under the key: an
    /// attempt that was believed dead may still be about to ask it.
    /// </summary>
    /// <returns>The payout as it is now; another attempt may have been first.</returns>
    public async Task<Payout> AssignAsync(Payout payout, string provider, CancellationToken cancel)
    {
        await using (var work = await database.BeginAsync(cancel))
        {
            await work.Connection.ExecuteAsync(new(
                "UPDATE payout SET provider = @provider WHERE id = @Id AND state = 'held' AND coalesce(provider, '') = @from",
                new { payout.Id, provider, from = payout.Provider ?? "" }, work.Transaction,
                cancellationToken: cancel));
            await work.CommitAsync();
        }

        return await FindAsync(payout.Id, cancel);
    }

    public Task PaidAsync(Payout payout, string providerReference, CancellationToken cancel) =>
        EndAsync(payout, "paid", providerReference, work => Ledger.HouseAccountAsync("settlement", payout.Currency, work, cancel), cancel);

    public Task ReleaseAsync(Payout payout, CancellationToken cancel) =>
        EndAsync(payout, "released", null, _ => Task.FromResult(payout.Account), cancel);

    private async Task EndAsync(
        Payout payout, string state, string? providerReference, Func<UnitOfWork, Task<long>> receiver, CancellationToken cancel)
    {
        await using var work = await database.BeginAsync(cancel);
        var changed = await work.Connection.ExecuteAsync(new(
            "UPDATE payout SET state = @state, provider_reference = @providerReference WHERE id = @Id AND state = 'held' AND "
                + "coalesce(provider, '') = @provider",
            new { payout.Id, state, providerReference, provider = payout.Provider ?? "" }, work.Transaction,
            cancellationToken: cancel));
        if (changed == 0) return;
        var held = await Ledger.HouseAccountAsync("held", payout.Currency, work, cancel);
        var movement = new Movement(state == "paid" ? "paid" : "release", held, await receiver(work), payout.Amount, payout.Destination);
        var posting = await ledger.PostAsync(movement, work, cancel);
        if (posting.Refusal is { } refusal) throw new InvalidOperationException($"Payout {payout.Id} cannot be {state}: {refusal.Detail}");
        await work.CommitAsync();
    }
}

/// <summary>A payout's row.</summary>
public sealed record Payout(
    long Id, string State, long Account, long Amount, string Currency, string Destination, string? Provider, string ProviderKey);

/// <summary>
/// Runs at least once. A provider acts once, because the key is the same each time; the booking happens once, because the payout's state
/// guards it. Two providers know nothing of each other, so the
/// second one is asked only for a payout that the first was never asked about, or has voided.
/// </summary>
public sealed class PayoutHandler(PaymentProviders providers, PayoutBook payouts) : IHandler<PayoutRequested>
{
    private const int AttemptsBeforeMoving = 3;

    public async Task<Outcome> HandleAsync(Delivery<PayoutRequested> delivery, CancellationToken cancellationToken)
    {
        var payout = await payouts.FindAsync(delivery.Message.PayoutId, cancellationToken);
        if (payout.Provider is null) payout = await payouts.AssignAsync(payout, providers.First, cancellationToken);
        // Released, and no provider was asked.
        if (payout.Provider is null) return Outcome.Cancel("The payout has ended.");
        try
        {
            return await PayAsync(payout, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or RetryException && IsToMove(payout, e, delivery.Attempt))
        {
            // An error says nothing about what was done. Only the promise never to pay does; while that cannot be had, the payout waits for
            // its provider.
            if (await providers.Of(PaymentProviders.Primary).VoidAsync(payout, cancellationToken) is { } reference)
                return await PaidAsync(payout, reference, cancellationToken);
            return await PayAsync(await payouts.AssignAsync(payout, PaymentProviders.Fallback, cancellationToken), cancellationToken);
        }
        catch (CallNotSentException e)
        {
            return Outcome.Snooze(e.RetryAfter ?? TimeSpan.FromSeconds(1), e.Message); // no attempt was made, so none is spent
        }
    }

    private bool IsToMove(Payout payout, Exception failure, int attempt) =>
        payout.Provider == PaymentProviders.Primary
            && providers.HasFallback && (attempt >= AttemptsBeforeMoving || failure is CallNotSentException);

    private async Task<Outcome> PayAsync(Payout payout, CancellationToken cancel)
    {
        var answer = await providers.Of(payout.Provider!).PayAsync(payout, cancel);
        if (answer.Reference is { } reference) return await PaidAsync(payout, reference, cancel);
        // Voided here, and this process ended before it was noted.
        if (answer.IsVoided && payout.Provider == PaymentProviders.Primary && providers.HasFallback)
            return await PayAsync(await payouts.AssignAsync(payout, PaymentProviders.Fallback, cancel), cancel);
        return Outcome.Reject(answer.Refused!);
    }

    private async Task<Outcome> PaidAsync(Payout payout, string reference, CancellationToken cancel)
    {
        await payouts.PaidAsync(payout, reference, cancel);
        return Outcome.DoneWith($$"""{"payoutId":"{{payout.Id}}","provider":"{{payout.Provider}}","providerReference":"{{reference}}"}""");
    }
}

/// <summary>
/// Giving up on a payout says nothing about what the provider did: an answer may have been lost. So the provider that was asked is asked to
/// void the key. It then either never pays under it, and the
/// money goes back, or says that it has paid, and that is booked.
/// </summary>
public sealed class PayoutGivenUpHandler(PaymentProviders providers, PayoutBook payouts) : IHandler<PayoutGivenUp>
{
    public async Task<Outcome> HandleAsync(Delivery<PayoutGivenUp> delivery, CancellationToken cancellationToken)
    {
        var payout = await payouts.FindAsync(delivery.Message.PayoutId, cancellationToken);
        if (payout.Provider is { } provider && await providers.Of(provider).VoidAsync(payout, cancellationToken) is { } reference)
            await payouts.PaidAsync(payout, reference, cancellationToken);
        else await payouts.ReleaseAsync(payout, cancellationToken);
        // An attempt that was believed dead may have assigned it in between; then that provider has to be asked as well.
        if ((await payouts.FindAsync(payout.Id, cancellationToken)).State == "held")
            throw new RetryException("The payout was assigned to a provider while it was given up.");
        return Outcome.Done;
    }
}
