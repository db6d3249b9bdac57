using FsCheck;
using FsCheck.Fluent;
using Surety.Rigs;

namespace Payments.Tests;

public sealed class LedgerPropertiesOnSqliteTests(Backend backend) : LedgerPropertyTests(backend), IClassFixture<Backend>;

public sealed class LedgerPropertiesOnPostgresTests(PostgresBackend backend) : LedgerPropertyTests(backend), IClassFixture<PostgresBackend>;

/// <summary>Random commands against a model of three lines: the balances are the model's, and the books always balance.</summary>
public abstract class LedgerPropertyTests(Backend backend)
{
    private const int Accounts = 4;

    /// <param name="Kind">What is asked.</param>
    /// <param name="From">Whose money, by number.</param>
    /// <param name="To">Where a transfer goes, by number.</param>
    /// <param name="Amount">How much; often more than there is.</param>
    /// <param name="Repeated">Sent twice with one key.</param>
    private sealed record Step(CommandKind Kind, int From, int To, int Amount, bool Repeated);

    [Fact]
    public void Balances_follow_the_model_and_everything_sums_to_zero()
    {
        var step = from kind in Gen.Frequency(
            (3, Gen.Constant(CommandKind.Deposit)), (5, Gen.Constant(CommandKind.Transfer)), (2, Gen.Constant(CommandKind.Payout)))
                   from sender in Gen.Choose(0, Accounts - 1)
                   from receiver in Gen.Choose(0, Accounts - 1)
                   from amount in Gen.Choose(1, 400)
                   from repeated in Gen.Elements(true, false, false)
                   select new Step(kind, sender, receiver, amount, repeated);
        var runs = step.ListOf().Select(s => s.Take(40).ToList());
        Prop.ForAll(runs.ToArbitrary(), steps => RunAsync(steps).GetAwaiter().GetResult()).Check(
            Config.QuickThrowOnFailure.WithMaxTest(30));
    }

    private async Task RunAsync(List<Step> steps)
    {
        var overdraft = new long[] { 0, 0, 100, 0 };
        var ids = new List<string>();
        foreach (var limit in overdraft) ids.Add(await backend.AccountAsync(overdraft: limit));
        var model = new long[Accounts];
        var payouts = new List<string>();

        foreach (var step in steps)
        {
            var key = backend.NewKey();
            var reply = await SendAsync(step, ids, key);
            if (step.Repeated) (await SendAsync(step, ids, key)).ShouldRepeat(reply);

            switch (step)
            {
                case { Kind: CommandKind.Deposit }:
                    reply.ShouldBe(201);
                    model[step.From] += step.Amount;
                    break;
                case { Kind: CommandKind.Transfer } when step.From == step.To:
                    reply.ShouldBeProblem(400, "validation");
                    break;
                case var _ when model[step.From] - step.Amount < -overdraft[step.From]:
                    reply.ShouldBeProblem(422, "insufficient-funds");
                    break;
                case { Kind: CommandKind.Transfer }:
                    reply.ShouldBe(201);
                    model[step.From] -= step.Amount;
                    model[step.To] += step.Amount;
                    break;
                default:
                    payouts.Add(reply.ShouldBe(202)["id"]!);
                    model[step.From] -= step.Amount;
                    break;
            }

            (await backend.BalanceAsync(ids[step.From])).ShouldBe(model[step.From]);
        }

        for (var i = 0; i < Accounts; i++) (await backend.BalanceAsync(ids[i])).ShouldBe(model[i]);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
        foreach (var payout in payouts) await backend.JobUntilAsync(payout, "succeeded");
        await backend.QuietAsync();
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }

    private Task<Reply> SendAsync(Step step, List<string> ids, string key) => step.Kind switch
    {
        CommandKind.Deposit => backend.DepositAsync(ids[step.From], step.Amount, key),
        CommandKind.Transfer => backend.TransferAsync(ids[step.From], ids[step.To], step.Amount, key),
        _ => backend.PayOutAsync(ids[step.From], step.Amount, "somewhere", key),
    };
}
