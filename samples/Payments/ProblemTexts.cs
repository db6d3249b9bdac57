namespace Payments;

/// <summary>What the page behind the problems' types says of this application's own codes.</summary>
internal static class ProblemTexts
{
    public static void Add(IDictionary<string, string> texts)
    {
        texts["account-not-found"] = "404. No account of a customer has this id. Look the id up again, or open an account first.";
        texts["transfer-not-found"] = "404. No transfer has this id.";
        texts["currency-mismatch"] = "422. The two accounts are in different currencies, and money moves within one. Nothing was moved.";
        texts["insufficient-funds"] =
            "422. The account holds less than the amount, its overdraft included. Nothing was moved. Send less, or put money in; then use "
                + "a new idempotency key.";
        texts["balance-limit"] = "422. An account would hold or owe more than any account may. Nothing was moved.";
        texts["overdraft-in-use"] =
            "422. The account has gone further below zero than the new limit allows. Nothing was changed. Put money in first, or set a "
                + "higher limit.";
    }
}
