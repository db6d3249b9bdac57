using Surety;

namespace Payments;

/// <summary>Whether money may move. Pure; the table's constraints say the same once more.</summary>
public static class Rules
{
    public static Refusal? Refuse(Movement movement, Account? from, Account? to)
    {
        if (from is null) return Refusal.NoAccount(movement.From);
        if (to is null) return Refusal.NoAccount(movement.To);
        if (from.Currency != to.Currency)
            return new Refusal(
                422, "currency-mismatch",
                $"Account {from.Id} is in {from.Currency} and account {to.Id} in {to.Currency}; money moves within one currency.");
        if (from.Kind != "settlement" && from.Balance - movement.Amount < -from.OverdraftLimit)
            return new Refusal(
                422, "insufficient-funds",
                $"Account {from.Id} holds {from.Balance} and may go down to {-from.OverdraftLimit}; {movement.Amount} is too much.");
        if (from.Balance - movement.Amount < -Ledger.MaxBalance || to.Balance + movement.Amount > Ledger.MaxBalance)
            return new Refusal(422, "balance-limit", $"No account holds or owes more than {Ledger.MaxBalance}.");
        return null;
    }
}

/// <summary>Why a command was not carried out, in the client's terms.</summary>
public sealed record Refusal(int Status, string Code, string Detail)
{
    // What the contract says of the rules; in earnest they name the accounts.
    public static Refusal TooLittle { get; } = new(
        422, "insufficient-funds", "Account 1 holds 100 and may go down to 0; 1250 is too much.");

    public static Refusal OtherCurrency { get; } = new(
        422, "currency-mismatch", "Account 1 is in EUR and account 2 in USD; money moves within one currency.");

    public static Refusal TooMuch { get; } = new(422, "balance-limit", $"No account holds or owes more than {Ledger.MaxBalance}.");

    public static Refusal NoAccount(long id) => NoAccount(Ids.Text(id));

    public static Refusal NoAccount(string id) =>
        new(404, "account-not-found", $"There is no account \"{(id.Length <= 20 ? id : id[..20])}\".");

    public IResult AsResult() => HttpProblem.Of(Status, Code, Detail);
}
