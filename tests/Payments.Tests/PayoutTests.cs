using Surety.Rigs;

namespace Payments.Tests;

public sealed class PayoutsOnSqliteTests(Backend backend) : PayoutTests(backend), IClassFixture<Backend>;

public sealed class PayoutsOnPostgresTests(PostgresBackend backend) : PayoutTests(backend), IClassFixture<PostgresBackend>;

public abstract class PayoutTests(Backend backend)
{
    [Fact]
    public async Task A_payout_is_held_at_once_and_paid_once()
    {
        var account = await backend.AccountAsync(1000);
        var accepted = (await backend.PayOutAsync(account, 300, "to-be-paid", "payout-once")).ShouldBe(202);
        accepted.Header("Location").ShouldBe($"/jobs/{accepted["id"]}");
        accepted.Header("Retry-After").ShouldBe("1");
        (await backend.BalanceAsync(account)).ShouldBe(700);
        var job = await backend.JobUntilAsync(accepted["id"]!, "succeeded");
        (await backend.GetAsync(job.Json.GetProperty("links").GetProperty("result").GetString()!)).ShouldBe(
            200)["providerReference"]!.ShouldStartWith("pay-");
        (await backend.PayOutAsync(account, 300, "to-be-paid", "payout-once")).ShouldBe(202).Body.ShouldBe(accepted.Body);

        var payment = (await PaymentsToAsync("to-be-paid")).ShouldHaveSingleItem();
        (payment.State, payment.Amount, payment.Calls).ShouldBe(("paid", "300", 1));
        (await backend.BalanceAsync(account)).ShouldBe(700);
        await SettledAsync();
    }

    [Fact]
    public async Task An_answer_that_was_lost_after_the_payment_is_asked_for_again_and_not_paid_again()
    {
        var account = await backend.AccountAsync(1000);
        await backend.TroubleAsync(new { loseNext = 2 });
        var accepted = (await backend.PayOutAsync(account, 300, "answer-lost")).ShouldBe(202);
        await backend.JobUntilAsync(accepted["id"]!, "succeeded");
        var payment = (await PaymentsToAsync("answer-lost")).ShouldHaveSingleItem();
        payment.Calls.ShouldBe(3);
        await SettledAsync();
    }

    [Fact]
    public async Task A_provider_that_asks_for_time_is_given_it()
    {
        var account = await backend.AccountAsync(1000);
        await backend.TroubleAsync(new { failNext = 1, status = 429, retryAfterSeconds = 2 });
        var accepted = (await backend.PayOutAsync(account, 300, "busy")).ShouldBe(202);
        var retrying = await backend.JobUntilAsync(accepted["id"]!, "retrying");
        var wait = DateTimeOffset.Parse(retrying["nextRunAt"]!, System.Globalization.CultureInfo.InvariantCulture) - DateTimeOffset.Parse(
            retrying["createdAt"]!, System.Globalization.CultureInfo.InvariantCulture);
        wait.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(2));
        await backend.JobUntilAsync(accepted["id"]!, "succeeded");
        (await PaymentsToAsync("busy")).ShouldHaveSingleItem();
        await SettledAsync();
    }

    [Fact]
    public async Task A_refused_payout_gives_the_money_back()
    {
        var account = await backend.AccountAsync(1000);
        var accepted = (await backend.PayOutAsync(account, 300, "closed-account")).ShouldBe(202);
        var dead = await backend.JobUntilAsync(accepted["id"]!, "dead");
        dead["error"]!.ShouldContain("closed");
        await SettledAsync();
        (await backend.BalanceAsync(account)).ShouldBe(1000);
        (await PaymentsToAsync("closed-account")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_payout_cancelled_before_it_was_paid_gives_the_money_back()
    {
        var account = await backend.AccountAsync(1000);
        await backend.TroubleAsync(new { failPercent = 100, retryAfterSeconds = 60 });
        var accepted = (await backend.PayOutAsync(account, 300, "cancelled")).ShouldBe(202);
        await backend.JobUntilAsync(accepted["id"]!, "retrying");
        (await backend.DeleteAsync($"/jobs/{accepted["id"]}")).ShouldBe(204);
        await SettledAsync();
        (await backend.BalanceAsync(account)).ShouldBe(1000);
        (await PaymentsToAsync("cancelled")).ShouldBeEmpty();
        (await backend.DeleteAsync($"/jobs/{accepted["id"]}")).ShouldBeProblem(409, "job-not-cancellable");
    }

    [Fact]
    public async Task A_payout_cancelled_after_its_answer_was_lost_stays_paid()
    {
        var account = await backend.AccountAsync(1000);
        await backend.TroubleAsync(new { loseNext = 1 });
        var accepted = (await backend.PayOutAsync(account, 300, "cancelled-too-late")).ShouldBe(202);
        await Backend.UntilAsync(async () => (await PaymentsToAsync("cancelled-too-late")).Count == 1, () => "nothing was paid");
        // It may have been paid a second time already; either way the books must say paid.
        await backend.DeleteAsync($"/jobs/{accepted["id"]}");
        await SettledAsync();
        (await backend.BalanceAsync(account)).ShouldBe(700);
        (await PaymentsToAsync("cancelled-too-late")).ShouldHaveSingleItem().State.ShouldBe("paid");
    }

    [Fact]
    public async Task Money_that_is_held_cannot_be_spent()
    {
        var account = await backend.AccountAsync(100);
        await backend.TroubleAsync(new { failPercent = 100, retryAfterSeconds = 60 });
        var accepted = (await backend.PayOutAsync(account, 80, "held")).ShouldBe(202);
        (await backend.TransferAsync(account, await backend.AccountAsync(), 21)).ShouldBeProblem(422, "insufficient-funds");
        (await backend.PayOutAsync(account, 21, "held")).ShouldBeProblem(422, "insufficient-funds");
        (await backend.AuditAsync()).OpenHolds.ShouldBe(1);
        (await backend.DeleteAsync($"/jobs/{accepted["id"]}")).Status.ShouldBeOneOf(204, 202);
        await SettledAsync();
        (await backend.BalanceAsync(account)).ShouldBe(100);
    }

    [Fact]
    public async Task A_report_is_a_job_whose_result_is_the_accounts_lines()
    {
        var account = await backend.AccountAsync(1000);
        var accepted = (await backend.PostAsync("/reports", new { account, from = "2000-01-01T00:00:00Z", to = "2100-01-01T00:00:00Z" }))
            .ShouldBe(202);
        var job = await backend.JobUntilAsync(accepted["id"]!, "succeeded");
        var progress = job.Json.GetProperty("progress");
        (progress.GetProperty("done").GetInt64(), progress.GetProperty("total").GetInt64(), progress.GetProperty("unit").GetString())
            .ShouldBe((1, 1, "lines"));
        var result = (await backend.GetAsync($"/jobs/{accepted["id"]}/result")).ShouldBe(200);
        result.Header("Content-Type").ShouldBe("text/csv; charset=utf-8");
        var lines = result.Body.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        lines[0].ShouldBe("id,transferId,amount,balanceAfter,postedAt");
        lines.Length.ShouldBe(2);
        lines[1].ShouldContain(",1000,1000,");
        (await backend.PostAsync("/reports", new { account, from = "2100-01-01T00:00:00Z", to = "2000-01-01T00:00:00Z" }))
            .ShouldBeProblem(400, "validation").ShouldPointAt("#/to");
    }

    [Theory]
    [InlineData("999999999")]
    [InlineData("nonsense")]
    public async Task A_report_of_an_account_that_does_not_exist_is_refused_and_leaves_no_job(string account)
    {
        var asked = new { account, from = "2000-01-01T00:00:00Z", to = "2100-01-01T00:00:00Z" };
        (await backend.PostAsync("/reports", asked)).ShouldBeProblem(404, "account-not-found");
        var dead = (await backend.GetAsync("/jobs?kind=report.requested&status=dead")).ShouldBe(200);
        dead.Json.GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    private async Task<List<ProviderPayment>> PaymentsToAsync(string destination) =>
        [.. (await ProviderPayment.AllAsync(backend.Rig, default)).Where(p => p.Destination == destination)];

    private async Task SettledAsync()
    {
        await backend.TroubleAsync(new { });
        await backend.QuietAsync();
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }
}
