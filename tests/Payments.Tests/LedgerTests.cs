namespace Payments.Tests;

public sealed class LedgerOnSqliteTests(Backend backend) : LedgerTests(backend), IClassFixture<Backend>;

public sealed class LedgerOnPostgresTests(PostgresBackend backend) : LedgerTests(backend), IClassFixture<PostgresBackend>;

public abstract class LedgerTests(Backend backend)
{
    [Fact]
    public async Task An_account_is_opened_empty_and_can_be_looked_at()
    {
        var opened = (await backend.PostAsync("/accounts", new { owner = "Ada", currency = "EUR", overdraftLimit = "500" })).ShouldBe(201);
        opened.Header("Location").ShouldBe($"/accounts/{opened["id"]}");
        var seen = (await backend.GetAsync(opened.Header("Location")!)).ShouldBe(200);
        seen.Body.ShouldBe(opened.Body);
        (seen["owner"], seen["currency"], seen["balance"], seen["overdraftLimit"]).ShouldBe(("Ada", "EUR", "0", "500"));
        (await backend.GetAsync(opened.Header("Location")!, ("If-None-Match", seen.Header("ETag")!))).ShouldBe(304);
        await backend.DepositAsync(opened["id"]!, 1);
        (await backend.GetAsync(opened.Header("Location")!, ("If-None-Match", seen.Header("ETag")!)))
            .ShouldBe(200)["balance"].ShouldBe("1");
    }

    [Fact]
    public async Task Two_who_change_an_account_at_once_do_not_both_believe_that_they_did()
    {
        var account = $"/accounts/{await backend.AccountAsync(holds: 100, overdraft: 50)}";
        var seen = (await backend.GetAsync(account)).ShouldBe(200).Header("ETag")!;
        (await ChangeAsync("""{"overdraftLimit":"1"}""")).ShouldBeProblem(428, "precondition-required");
        var answers = await Task.WhenAll(
            Enumerable.Range(1, 6).Select(i => ChangeAsync($$"""{"overdraftLimit":"{{i}}00"}""", ("If-Match", seen))));
        var won = answers.Where(a => a.Status == 200).ShouldHaveSingleItem();
        foreach (var lost in answers.Except([won])) lost.ShouldBeProblem(412, "precondition-failed");
        (await backend.GetAsync(account)).Body.ShouldBe(won.Body);

        var tag = won.Header("ETag")!;
        (await ChangeAsync("""{"owner":""}""", ("If-Match", tag))).ShouldBeProblem(400, "validation").ShouldPointAt("#/owner");
        var renamed = (await ChangeAsync("""{"owner":"Grace","overdraftLimit":"0"}""", ("If-Match", tag))).ShouldBe(200);
        (renamed["owner"], renamed["overdraftLimit"], renamed["balance"]).ShouldBe(("Grace", "0", "100"));
        var borrower = $"/accounts/{await backend.AccountAsync(overdraft: 50)}";
        (await backend.TransferAsync(borrower["/accounts/".Length..], account["/accounts/".Length..], 40)).ShouldBe(201);
        (await backend.SendAsync(Patch(borrower, """{"overdraftLimit":"39"}"""), ("If-Match", "*"))).ShouldBeProblem(
            422, "overdraft-in-use");

        Task<Reply> ChangeAsync(string body, params (string, string)[] headers) => backend.SendAsync(Patch(account, body), headers);
        static HttpRequestMessage Patch(string path, string body) => new(HttpMethod.Patch, path)
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
    }

    [Fact]
    public async Task A_deposit_raises_the_balance_once_however_often_it_is_sent()
    {
        var account = await backend.AccountAsync();
        var first = (await backend.DepositAsync(account, 1250, "deposit-once")).ShouldBe(201);
        (first["account"], first["amount"], first["currency"], first["reference"]).ShouldBe((account, "1250", "EUR", "a deposit"));
        var again = (await backend.DepositAsync(account, 1250, "deposit-once")).ShouldBe(201);
        again.Body.ShouldBe(first.Body);
        again.Header("Idempotent-Replayed").ShouldBe("true");
        (await backend.DepositAsync(account, 1251, "deposit-once")).ShouldBeProblem(422, "idempotency-key-reused");
        (await backend.BalanceAsync(account)).ShouldBe(1250);
    }

    [Fact]
    public async Task A_transfer_moves_money_and_can_be_looked_at()
    {
        var (from, to) = (await backend.AccountAsync(1000), await backend.AccountAsync());
        var posted = (await backend.TransferAsync(from, to, 400)).ShouldBe(201);
        (posted["from"], posted["to"], posted["amount"], posted["currency"], posted["reference"]).ShouldBe(
            (from, to, "400", "EUR", "a transfer"));
        posted["postedAt"]!.ShouldEndWith("Z");
        (await backend.GetAsync(posted.Header("Location")!)).ShouldBe(200).Body.ShouldBe(posted.Body);
        (await backend.BalanceAsync(from)).ShouldBe(600);
        (await backend.BalanceAsync(to)).ShouldBe(400);
    }

    [Fact]
    public async Task Nobody_spends_more_than_he_has_and_may_overdraw()
    {
        var to = await backend.AccountAsync();
        var (plain, overdrawn) = (await backend.AccountAsync(100), await backend.AccountAsync(100, overdraft: 50));
        (await backend.TransferAsync(plain, to, 101, "too-much")).ShouldBeProblem(422, "insufficient-funds");
        (await backend.TransferAsync(plain, to, 100)).ShouldBe(201);
        (await backend.TransferAsync(overdrawn, to, 150)).ShouldBe(201);
        (await backend.TransferAsync(overdrawn, to, 1)).ShouldBeProblem(422, "insufficient-funds");
        (await backend.BalanceAsync(overdrawn)).ShouldBe(-50);
        // A refusal is an answer like any other: the key keeps it, though there would be money now.
        await backend.DepositAsync(plain, 1000);
        (await backend.TransferAsync(plain, to, 101, "too-much"))
            .ShouldBeProblem(422, "insufficient-funds").Header("Idempotent-Replayed").ShouldBe("true");
        (await backend.BalanceAsync(plain)).ShouldBe(1000);
    }

    [Fact]
    public async Task Money_moves_within_one_currency_and_between_accounts_that_exist()
    {
        var (euros, dollars) = (await backend.AccountAsync(100), await backend.AccountAsync(0, "USD"));
        (await backend.TransferAsync(euros, dollars, 1)).ShouldBeProblem(422, "currency-mismatch");
        (await backend.TransferAsync(euros, "999999999", 1)).ShouldBeProblem(404, "account-not-found");
        (await backend.TransferAsync("999999999", euros, 1)).ShouldBeProblem(404, "account-not-found");
        (await backend.DepositAsync("999999999", 1)).ShouldBeProblem(404, "account-not-found");
        (await backend.PayOutAsync("999999999", 1)).ShouldBeProblem(404, "account-not-found");
        (await backend.TransferAsync(euros, euros, 1)).ShouldBeProblem(400, "validation").ShouldPointAt("#/to");
        (await backend.BalanceAsync(euros)).ShouldBe(100);
    }

    [Fact]
    public async Task Clients_cannot_move_the_houses_money()
    {
        var account = await backend.AccountAsync(100);
        // The settlement account exists since the first deposit; find it by its entries' ids.
        var house = Enumerable.Range(1, 20).Select(Id).ToList();
        foreach (var id in house)
        {
            var seen = await backend.GetAsync($"/accounts/{id}");
            if (seen.Status != 200 || seen["owner"] != "house") continue;
            (await backend.TransferAsync(id, account, 1)).ShouldBeProblem(404, "account-not-found");
            (await backend.DepositAsync(id, 1)).ShouldBeProblem(404, "account-not-found");
            return;
        }

        Assert.Fail("There is no settlement account among the first accounts.");
        static string Id(int number) => Backend.Text(number);
    }

    [Fact]
    public async Task Amounts_up_to_the_limit_work_and_no_account_grows_beyond_its_own()
    {
        const long most = 1_000_000_000_000_000;
        var account = await backend.AccountAsync(most, "JPY");
        (await backend.BalanceAsync(account)).ShouldBe(most);
        (await backend.DepositAsync(account, most + 1)).ShouldBeProblem(400, "validation").ShouldPointAt("#/amount");
        for (var i = 1; i < 1000; i++) (await backend.DepositAsync(account, most)).ShouldBe(201);
        (await backend.DepositAsync(account, 1)).ShouldBeProblem(422, "balance-limit");
        (await backend.BalanceAsync(account)).ShouldBe(most * 1000);
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
    }

    [Fact]
    public async Task Entries_come_newest_first_page_by_page_and_add_up_to_the_balance()
    {
        var account = await backend.AccountAsync();
        for (var i = 1; i <= 7; i++) (await backend.DepositAsync(account, i)).ShouldBe(201);
        var amounts = new List<string>();
        var path = $"/accounts/{account}/entries?pageSize=3";
        for (string? token = ""; token is not null;)
        {
            var page = (await backend.GetAsync(path + (token.Length > 0 ? $"&pageToken={token}" : ""))).ShouldBe(200);
            var items = page.Json.GetProperty("items").EnumerateArray().ToList();
            items.Count.ShouldBeInRange(1, 3);
            amounts.AddRange(items.Select(i => i.GetProperty("amount").GetString()!));
            // Posted while somebody is turning pages: shifts nothing.
            if (token.Length == 0) await backend.DepositAsync(account, 100);
            token = page["nextPageToken"];
        }

        amounts.ShouldBe(["7", "6", "5", "4", "3", "2", "1"]);
        var newest = (await backend.GetAsync($"/accounts/{account}/entries?pageSize=1")).ShouldBe(200).Json.GetProperty("items")[0];
        newest.GetProperty("balanceAfter").GetString().ShouldBe("128");
        newest.GetProperty("postedAt").GetString()!.ShouldEndWith("Z");
    }

    [Fact]
    public async Task Every_entry_is_exported_exactly_once()
    {
        var account = await backend.AccountAsync();
        await Task.WhenAll(Enumerable.Range(1, 40).Select(i => backend.DepositAsync(account, i)));
        await backend.QuietAsync();
        var audit = await backend.AuditAsync();
        audit.Exported.ShouldBe(audit.Entries);
        audit.ExportedTwice.ShouldBe(0);
        audit.Faults().ShouldBeEmpty();
    }

    [Fact]
    public async Task Concurrent_spending_of_the_last_money_succeeds_once()
    {
        var (from, to) = (await backend.AccountAsync(100), await backend.AccountAsync());
        var replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => backend.TransferAsync(from, to, 60)));
        replies.Count(r => r.Status == 201).ShouldBe(1);
        foreach (var refused in replies.Where(r => r.Status != 201)) refused.ShouldBeProblem(422, "insufficient-funds");
        (await backend.BalanceAsync(from)).ShouldBe(40);
        (await backend.BalanceAsync(to)).ShouldBe(60);
    }
}
