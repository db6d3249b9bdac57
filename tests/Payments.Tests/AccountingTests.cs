using Surety.Rigs;
using Surety.Rigs.Chaos;
using Surety.Rigs.Storm;

namespace Payments.Tests;

/// <summary>The judge is judged: a tool that finds nothing may be a tool that looks for nothing.</summary>
public class AccountingTests
{
    private static readonly Command Deposit = new(CommandKind.Deposit, "d", "1", null, 10);
    private static readonly Command Transfer = new(CommandKind.Transfer, "t", "1", "2", 5);
    private static readonly Command Payout = new(CommandKind.Payout, "p", "1", null, 3);

    private static readonly Entry Deposited = new("1", "deposit", "d", 10);
    private static readonly Entry[] Transferred = [new("1", "transfer", "t", -5), new("2", "transfer", "t", 5)];
    private static readonly Entry Held = new("1", "hold", "p", -3);
    private static readonly Entry Released = new("1", "release", "p", 3);
    private static readonly ProviderPayment Paid = new(1, "paid", "3", "p", 1);
    private static readonly Audit Sound = new(3, 8, new Dictionary<string, string> { ["EUR"] = "0" }, 0, 0, 0, 0, 8, 0);

    [Fact]
    public void Each_accepted_command_with_one_effect_is_no_fault()
    {
        var accounts = Judge([Accepted(Deposit), Accepted(Transfer), Accepted(Payout)], [Deposited, .. Transferred, Held], [Paid with
        {
            Calls = 3,
        }]);
        accounts.Violations.ShouldBeEmpty();
        (accounts.Accepted, accounts.Refused, accounts.Effects, accounts.Lost, accounts.Duplicated, accounts.Redelivered, accounts.Paid)
            .ShouldBe((3, 0, 3, 0, 0, 2, 1));
    }

    [Fact]
    public void A_released_payout_took_effect_too()
    {
        var accounts = Judge([Accepted(Payout)], [Held, Released], [], job: "dead");
        accounts.Violations.ShouldBeEmpty();
        (accounts.Effects, accounts.Released, accounts.Paid).ShouldBe((1, 1, 0));
    }

    [Fact]
    public void Accepted_without_effect_is_lost()
    {
        foreach (var command in new[] { Deposit, Transfer, Payout })
        {
            var accounts = Judge([Accepted(command)], [], [], job: "dead");
            (accounts.Lost, accounts.Effects).ShouldBe((1, 0));
            accounts.Violations.ShouldContain(v => v.Contains("nothing of it is there"));
        }
    }

    [Fact]
    public void A_hold_that_never_ended_is_lost()
    {
        var accounts = Judge([Accepted(Payout)], [Held], []);
        accounts.Lost.ShouldBe(1);
        accounts.Violations.ShouldContain(v => v.Contains("neither paid nor released"));
    }

    [Fact]
    public void A_second_effect_is_a_duplicate()
    {
        Judge([Accepted(Deposit)], [Deposited, Deposited], []).Duplicated.ShouldBe(1);
        Judge([Accepted(Transfer)], [.. Transferred, .. Transferred], []).Duplicated.ShouldBe(1);
        Judge([Accepted(Payout)], [Held], [Paid, Paid with { Id = 2 }]).Duplicated.ShouldBe(1);
        Judge([Accepted(Payout)], [Held, Released], [Paid]).Duplicated.ShouldBe(1);
        Judge([Accepted(Payout)], [Held, Held], [Paid]).Duplicated.ShouldBe(1);
    }

    [Fact]
    public void An_effect_of_a_refused_command_is_a_duplicate()
    {
        var accounts = Judge([Refused(Deposit)], [Deposited], []);
        (accounts.Refused, accounts.Duplicated).ShouldBe((1, 1));
        accounts.Violations.ShouldNotBeEmpty();
    }

    [Fact]
    public void What_nobody_asked_for_is_a_fault()
    {
        Judge([], [Deposited], []).Violations.ShouldContain(v => v.Contains("nobody asked"));
        Judge([], [], [Paid]).Violations.ShouldContain(v => v.Contains("nobody asked"));
    }

    [Fact]
    public void Half_a_transfer_and_another_amount_are_faults()
    {
        Judge([Accepted(Transfer)], [Transferred[0]], []).Violations.ShouldContain(v => v.Contains("credited 0"));
        Judge([Accepted(Deposit)], [Deposited with { Amount = 11 }], []).Violations.ShouldContain(v => v.Contains("11 was moved"));
        Judge([Accepted(Payout)], [Held], [Paid with { Amount = "4" }]).Violations.ShouldContain(v => v.Contains("4 was moved"));
    }

    [Fact]
    public void A_job_that_has_not_ended_and_one_that_succeeded_without_paying_are_faults()
    {
        Judge([Accepted(Payout)], [Held], [Paid], job: "retrying").Violations.ShouldContain(v => v.Contains("not at its end"));
        Judge([Accepted(Payout)], [Held, Released], [], job: "succeeded").Violations.ShouldContain(v => v.Contains("paid nothing"));
    }

    [Fact]
    public void Books_that_do_not_balance_are_faults()
    {
        foreach (var audit in new[]
        {
            Sound with { Sums = new Dictionary<string, string> { ["EUR"] = "1" } },
            Sound with { MismatchedAccounts = 1 }, Sound with { UnbalancedTransfers = 1 }, Sound with { OverdrawnAccounts = 1 },
            Sound with { OpenHolds = 1 }, Sound with { Exported = 7 }, Sound with { Exported = 9 }, Sound with { ExportedTwice = 1 },
        })
            Accounting.Of([], new Books([], [], new Dictionary<string, string>(), audit)).Violations.ShouldHaveSingleItem();
    }

    [Fact]
    public void A_storm_wants_one_effect_one_answer_and_one_execution()
    {
        Round round = new(Deposit, [Accepted(Deposit), Accepted(Deposit) with { Replayed = true }], []);
        StormAccounting.Faults(round, [Deposited]).ShouldBeEmpty();
        StormAccounting.Faults(round, []).ShouldHaveSingleItem().ShouldContain("0 times");
        StormAccounting.Faults(round, [Deposited, Deposited]).ShouldHaveSingleItem().ShouldContain("2 times");
        StormAccounting.Faults(round with { Answers = [Accepted(Deposit), Accepted(Deposit)] }, [Deposited])
            .ShouldHaveSingleItem().ShouldContain("for 2 clients");
        StormAccounting.Faults(round with { Answers = [Accepted(Deposit), new Answer(Deposit, 201, "other", 1, true)] }, [Deposited])
            .ShouldHaveSingleItem().ShouldContain("2 ways");
        StormAccounting.Faults(round with { Stuck = ["stuck"] }, [Deposited]).ShouldHaveSingleItem();
        StormAccounting.Faults(round with { Answers = [Refused(Deposit)] }, [Deposited]).ShouldHaveSingleItem().ShouldContain("refused");
    }

    private static Answer Accepted(Command command) => new(command, command.Kind == CommandKind.Payout ? 202 : 201, "body", 1, false);

    private static Answer Refused(Command command) => new(command, 422, "body", 1, false);

    private static Accounts Judge(Answer[] answers, Entry[] entries, ProviderPayment[] payments, string job = "succeeded") =>
        Accounting.Of(answers, new Books(entries, payments, new Dictionary<string, string> { ["p"] = job }, Sound));
}
