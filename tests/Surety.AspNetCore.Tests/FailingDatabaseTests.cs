namespace Surety.AspNetCore.Tests;

/// <summary>
/// A client's whole story is told again and again, failing the n-th call to the database for n = 1, 2, … until a telling has
/// no n-th call.
/// </summary>
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
        (await app.Alice.DepositAsync("doubtful"))
            .ShouldBeProblem(503, "dependency-unavailable", outcome: "unknown")["Retry-After"].ShouldBe("1");
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

    /// <summary>What a connection that breaks shows as, and what only a program's mistake does.</summary>
    private static readonly Func<Exception>[] Thrown =
    [
        () => new ObjectDisposedException("NpgsqlTransaction"), () => new NullReferenceException("planted"), () =>
            new OperationCanceledException("planted"), () => new TaskCanceledException("planted"),
        () => new TimeoutException("planted"), () => new IOException("planted"), () => new System.Net.Sockets.SocketException(104), () =>
            new PlantedDbException(), () => new AggregateException(new IOException("planted")),
        () => new InvalidCastException("planted"), () => new StoreException("planted", isTransient: true, inDoubt: true), () =>
            new Exception("planted"),
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_a_commit_throws_the_look_up_says_what_happened(bool committed)
    {
        // Begin, take, answer, commit.
        var faults = new Faults(4, committed ? Fault.AnswerLost : Fault.NotMade);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, configure: b => faults.Wrap(b.Services));
        await EachThrownAsync(faults, async (key, before) =>
        {
            var answer = await app.Alice.DepositAsync(key);
            if (committed) answer.ShouldBe(201);
            else answer.ShouldBeProblem(503, "dependency-unavailable", outcome: "none");
            faults.Armed = false;
            (await app.DepositsAsync() - before).ShouldBe(committed ? 1 : 0, key);
        }, app);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_a_commit_and_its_look_ups_throw_the_outcome_stays_unknown(bool committed)
    {
        var faults = new Faults(4, committed ? Fault.AnswerLost : Fault.NotMade, andAllAfter: true);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, configure: b => faults.Wrap(b.Services));
        await EachThrownAsync(faults, async (key, before) =>
        {
            (await app.Alice.DepositAsync(key))
                .ShouldBeProblem(503, "dependency-unavailable", outcome: "unknown")["Retry-After"].ShouldBe("1", key);
            faults.Armed = false;
            (await app.DepositsAsync() - before).ShouldBe(committed ? 1 : 0, key);
            (await app.Alice.DepositAsync(key)).ShouldBe(201)["Idempotent-Replayed"].ShouldBe(committed ? "true" : null, key);
            (await app.DepositsAsync() - before).ShouldBe(1, key);
        }, app);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_the_commit_of_a_command_without_a_key_throws_nobody_says_that_nothing_happened(bool committed)
    {
        // Nothing to take and nothing to answer: begin, commit.
        var faults = new Faults(2, committed ? Fault.AnswerLost : Fault.NotMade);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, configure: b => faults.Wrap(b.Services));
        await EachThrownAsync(faults, async (key, before) =>
        {
            (await app.Alice.DepositAsync(null, path: "/optional")).ShouldBeProblem(503, "dependency-unavailable", outcome: "unknown");
            faults.Armed = false;
            (await app.DepositsAsync() - before).ShouldBe(committed ? 1 : 0, key);
        }, app);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_the_commit_behind_a_repeat_throws_it_is_not_said_that_the_first_did_nothing(bool committed)
    {
        // Begin, take, commit.
        var faults = new Faults(3, committed ? Fault.AnswerLost : Fault.NotMade);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, configure: b => faults.Wrap(b.Services));
        (await app.Alice.DepositAsync("first")).ShouldBe(201);
        await EachThrownAsync(faults, async (key, before) =>
        {
            (await app.Alice.DepositAsync("first")).ShouldBeProblem(503, "dependency-unavailable", outcome: "unknown");
            faults.Armed = false;
            (await app.Alice.DepositAsync("first")).ShouldBe(201)["Idempotent-Replayed"].ShouldBe("true", key);
            (await app.DepositsAsync()).ShouldBe(before, key);
        }, app);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_remembering_a_refusal_throws_it_had_no_effect(bool committed)
    {
        // Begin, take, rollback; begin, take, answer, commit.
        var faults = new Faults(7, committed ? Fault.AnswerLost : Fault.NotMade);
        var deposits = new Deposits { After = (_, _) => Task.FromResult<IResult?>(HttpProblem.Of(422, "insufficient-funds", "No.")) };
        await using var app = await EdgeApp.StartAsync(deposits.Map, configure: b => faults.Wrap(b.Services));
        await EachThrownAsync(faults, async (key, before) =>
        {
            (await app.Alice.DepositAsync(key)).ShouldBeProblem(503, "dependency-unavailable", outcome: "none");
            faults.Armed = false;
            (await app.Alice.DepositAsync(key)).ShouldBeProblem(422, "insufficient-funds");
            (await app.DepositsAsync()).ShouldBe(before, key);
        }, app);
    }

    /// <summary>Arms the fault with each exception in turn.</summary>
    private static async Task EachThrownAsync(Faults faults, Func<string, long, Task> tell, EdgeApp app)
    {
        foreach (var thrown in Thrown)
        {
            var (key, before) = (thrown().GetType().Name, await app.DepositsAsync());
            faults.Arm(thrown);
            await tell(key, before);
        }
    }

    private sealed class PlantedDbException() : System.Data.Common.DbException("planted");

    private static async Task TellAsync(Faults faults)
    {
        var deposits = new Deposits();
        await using var app = await EdgeApp.StartAsync(deposits.Map, configure: b => faults.Wrap(b.Services));
        faults.Armed = true;

        deposits.Before = async (_, _) => await faults.AroundAsync("effect", () => ValueTask.CompletedTask);
        await SendUntilAnsweredAsync(app, "accepted", 201, effects: 1, faults);
        await SendUntilAnsweredAsync(app, "accepted", 201, effects: 0, faults);

        deposits.After = (_, _) => Task.FromResult<IResult?>(HttpProblem.Of(422, "insufficient-funds", "No."));
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
            (await app.ScalarAsync("SELECT count(*) FROM surety_idempotency WHERE status = 201"))
                .ShouldBe(before + now, $"{faults.Failed}: {answer.Text}");
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
