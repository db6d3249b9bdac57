namespace Surety.AspNetCore.Tests;

/// <summary>A client's whole story is told again and again, failing the n-th call to the database for n = 1, 2, … until a telling has no n-th call.</summary>
public class FailingDatabaseTests
{
    [Theory]
    [InlineData(Fault.NotMade)]
    [InlineData(Fault.AnswerLost)]
    [InlineData(Fault.NotMadeInDoubt)]
    public async Task Whichever_call_fails_there_is_no_effect_without_its_record_and_no_record_without_its_effect(Fault fault)
    {
        var n = 0;
        int calls;
        do
        {
            var faults = new Faults(++n, fault);
            await TellAsync(faults);
            calls = faults.Calls;
        }
        while (n < calls);

        // An accepted command, its repeat, a refused one, its repeat: begin, take, effect, answer, commit, dispose …
        n.ShouldBeGreaterThan(20);
    }

    [Theory]
    [InlineData(Fault.AnswerLost, 1)]
    [InlineData(Fault.NotMadeInDoubt, 0)]
    public async Task A_commit_that_nobody_can_look_up_is_answered_as_unknown_until_the_database_is_back(Fault fault, int effects)
    {
        // The fourth call of a command is its commit: begin, take, answer, commit.
        var faults = new Faults(4, fault, andAllAfter: true);
        var deposits = new Deposits();
        await using var app = await EdgeApp.StartAsync(deposits.Map, configure: b => faults.Wrap(b.Services));
        faults.Armed = true;
        (await app.Alice.DepositAsync("doubtful")).ShouldBeProblem(503, "dependency-unavailable", outcome: "unknown")["Retry-After"].ShouldBe("1");
        (await app.Alice.DepositAsync("doubtful")).ShouldBeProblem(503, "dependency-unavailable");
        faults.Armed = false;

        (await app.DepositsAsync()).ShouldBe(effects);
        var answer = (await app.Alice.DepositAsync("doubtful")).ShouldBe(201);
        (answer["Idempotent-Replayed"] == "true").ShouldBe(effects == 1);
        (await app.DepositsAsync()).ShouldBe(1);
        (await app.RecordsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Of_a_transaction_that_the_handler_ended_itself_nobody_says_that_nothing_happened()
    {
        var faults = new Faults(4, Fault.MadeByHandler);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, configure: b => faults.Wrap(b.Services));
        faults.Armed = true;
        (await app.Alice.DepositAsync("ended")).ShouldBeProblem(500, "internal-error", outcome: "unknown");
        (await app.DepositsAsync()).ShouldBe(1);
    }

    private static async Task TellAsync(Faults faults)
    {
        var deposits = new Deposits();
        await using var app = await EdgeApp.StartAsync(deposits.Map, configure: b => faults.Wrap(b.Services));
        faults.Armed = true;

        deposits.Before = async (_, _) => await faults.AroundAsync("effect", () => ValueTask.CompletedTask);
        await SendUntilAnsweredAsync(app, "accepted", 201, effects: 1, faults);
        await SendUntilAnsweredAsync(app, "accepted", 201, effects: 0, faults);

        deposits.After = (_, _) => Task.FromResult<IResult?>(Problem.Of(422, "insufficient-funds", "No."));
        await SendUntilAnsweredAsync(app, "refused", 422, effects: 0, faults);
        await SendUntilAnsweredAsync(app, "refused", 422, effects: 0, faults);
        (await app.DepositsAsync()).ShouldBe(1, faults.Failed);
        // Beside them, the writes of no meaning that a lookup makes sure with.
        (await app.ScalarAsync("SELECT count(*) FROM surety_idempotency WHERE status <> 204")).ShouldBe(2, faults.Failed);
    }

    /// <summary>As a client does who was told to come back: the same request, until there is an answer.</summary>
    private static async Task SendUntilAnsweredAsync(EdgeApp app, string key, int expected, int effects, Faults faults)
    {
        var before = await app.DepositsAsync();
        for (var tries = 0; ; tries++)
        {
            tries.ShouldBeLessThan(3, faults.Failed);
            var answer = await app.Alice.DepositAsync(key);
            var now = await app.DepositsAsync() - before;
            (await app.ScalarAsync("SELECT count(*) FROM surety_idempotency WHERE status = 201")).ShouldBe(before + now, $"{faults.Failed}: {answer.Text}");
            (await app.ScalarAsync("SELECT count(*) FROM surety_idempotency WHERE status IS NULL")).ShouldBe(0, faults.Failed);
            if (answer.Status == expected)
            {
                now.ShouldBe(effects, faults.Failed);
                return;
            }

            answer["Retry-After"].ShouldBe("1", $"{faults.Failed}: {answer.Text}");
            var outcome = answer.Member("outcome").ShouldNotBeNull();
            answer.ShouldBeProblem(503, "dependency-unavailable", outcome);
            if (outcome == "none") now.ShouldBe(0, faults.Failed);
            else outcome.ShouldBe("unknown", faults.Failed);
        }
    }
}
