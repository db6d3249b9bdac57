using System.Globalization;

namespace Surety.Rigs.Chaos;

/// <summary>Holds what clients were told against what happened. Pure.</summary>
internal static class Accounting
{
    public static Accounts Of(IReadOnlyCollection<Answer> answers, Books books)
    {
        var entries = books.Entries.ToLookup(e => e.Reference ?? "");
        var payments = books.Payments.Where(p => p.State == "paid").ToLookup(p => p.Destination);
        var known = answers.Select(a => a.Command.Reference).ToHashSet(StringComparer.Ordinal);
        var violations = new List<string>();
        int effects = 0, lost = 0, duplicated = 0;

        foreach (var answer in answers)
        {
            var command = answer.Command;
            var found = Effects(command, [.. entries[command.Reference]], [.. payments[command.Reference]], violations);
            effects += found;
            if (answer.Accepted && found == 0)
            {
                lost++;
                violations.Add($"{command.Kind} {command.Reference} was accepted, and nothing of it is there.");
            }
            else if (!answer.Accepted && found > 0)
            {
                duplicated += found;
                violations.Add($"{command.Kind} {command.Reference} was refused ({answer.Status}), and took effect {found} times.");
            }
            else if (found > 1)
            {
                duplicated += found - 1;
                violations.Add($"{command.Kind} {command.Reference} was accepted once, and took effect {found} times.");
            }

            if (answer.Accepted && command.Kind == CommandKind.Payout)
                CheckJob(command, books, payments[command.Reference].Any(), violations);
        }

        var unknown = books.Entries.Where(e => e.Reference is not null && !known.Contains(e.Reference));
        foreach (var stranger in unknown.DistinctBy(e => e.Reference))
            violations.Add($"An entry of {stranger.Reference} is in the books, and nobody asked for it.");
        foreach (var stranger in books.Payments.Where(p => p.State == "paid" && !known.Contains(p.Destination)))
            violations.Add($"The provider paid {stranger.Destination}, and nobody asked for it.");
        violations.AddRange(books.Audit.Faults());
        if (!books.Audit.IsQuiet)
            violations.Add(
                $"Work is left over: {books.Audit.OpenHolds} holds are open, {books.Audit.Exported} of {books.Audit.Entries} entries "
                    + "are exported.");

        return new Accounts(
            answers.Count(a => a.Accepted),
            answers.Count(a => !a.Accepted), effects, lost, duplicated, books.Payments.Sum(p => Math.Max(0, p.Calls - 1)),
            books.Payments.Count(p => p.State == "paid"), books.Entries.Count(e => e.Kind == "release"), violations);
    }

    /// <summary>
    /// How often a command took effect. A payout did when its money is held and that hold ended, outside or back on the account.
    /// </summary>
    private static int Effects(Command command, List<Entry> entries, List<ProviderPayment> payments, List<string> violations)
    {
        var sign = command.Kind == CommandKind.Deposit ? 1 : -1;
        var kind = command.Kind switch { CommandKind.Deposit => "deposit", CommandKind.Transfer => "transfer", _ => "hold" };
        var booked = entries.Where(e => e.Account == command.Account && e.Kind == kind && e.Amount * sign > 0).ToList();
        var amounts = booked.Select(e => Math.Abs(e.Amount));
        if (command.Kind == CommandKind.Transfer)
        {
            var credited = entries.Where(e => e.Account == command.To && e.Kind == kind && e.Amount > 0).ToList();
            amounts = amounts.Concat(credited.Select(e => e.Amount));
            if (credited.Count != booked.Count)
                violations.Add($"Transfer {command.Reference} was debited {booked.Count} times and credited {credited.Count} times.");
        }

        if (command.Kind != CommandKind.Payout)
        {
            CheckAmounts(command, amounts, violations);
            return booked.Count;
        }

        var released = entries.Where(e => e.Account == command.Account && e.Kind == "release" && e.Amount > 0).ToList();
        CheckAmounts(command, amounts.Concat(released.Select(e => e.Amount)).Concat(
            payments.Select(p => long.Parse(p.Amount, CultureInfo.InvariantCulture))), violations);
        var ended = released.Count + payments.Count;
        if (booked.Count > 0 && ended == 0) violations.Add($"Payout {command.Reference} is held, and neither paid nor released.");
        if (booked.Count == 0 && ended > 0)
            violations.Add($"Payout {command.Reference} was paid or released, and its money was never held.");
        return ended == 0 ? 0 : Math.Max(booked.Count, ended);
    }

    private static void CheckAmounts(Command command, IEnumerable<long> amounts, List<string> violations)
    {
        foreach (var amount in amounts)
            if (amount != command.Amount)
                violations.Add($"{command.Kind} {command.Reference} asked for {command.Amount}, and {amount} was moved.");
    }

    private static void CheckJob(Command command, Books books, bool paid, List<string> violations)
    {
        var status = books.Jobs.GetValueOrDefault(command.Reference, "unknown");
        if (status is not ("succeeded" or "dead" or "cancelled"))
            violations.Add($"The job of payout {command.Reference} is {status}: not at its end, though everything is quiet.");
        if (status == "succeeded" && !paid)
            violations.Add($"The job of payout {command.Reference} succeeded, and the provider paid nothing.");
    }
}

/// <summary>The accounts of a run.</summary>
/// <param name="Accepted">Commands whose client was told 201 or 202.</param>
/// <param name="Refused">Commands whose client was told no.</param>
/// <param name="Effects">How often commands took effect.</param>
/// <param name="Lost">Accepted, without effect.</param>
/// <param name="Duplicated">Effects beyond the first of an accepted command, or of a refused one.</param>
/// <param name="Redelivered">Calls of the provider beyond the first under a key.</param>
/// <param name="Paid">Payouts the provider paid.</param>
/// <param name="Released">Payouts given up, whose money went back.</param>
/// <param name="Violations">Every promise broken.</param>
internal sealed record Accounts(
    int Accepted, int Refused, int Effects, int Lost, int Duplicated,
    int Redelivered, int Paid, int Released, IReadOnlyList<string> Violations);
