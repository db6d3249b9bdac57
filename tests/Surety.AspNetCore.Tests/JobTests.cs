using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Surety.AspNetCore.Tests;

public class JobTests
{
    private const string May = """{"month":"2026-05"}""";
    private readonly Reports reports = new();

    [Fact]
    public async Task An_accepted_job_has_an_address_and_belongs_to_its_caller()
    {
        await using var app = await StartAsync();
        var accepted = (await app.Alice.PostAsync("/reports", May)).ShouldBe(202);
        var id = accepted.Member("id")!;
        accepted["Location"].ShouldBe($"/jobs/{id}");
        accepted["Retry-After"].ShouldBe("1");
        accepted.Member("kind").ShouldBe("report.monthly");
        accepted.Member("status").ShouldBe("queued");
        accepted.Member("createdAt").ShouldNotBeNull().ShouldEndWith("Z");
        accepted.Json.GetProperty("links").GetProperty("self").GetString().ShouldBe($"/jobs/{id}");
        (await app.Get<IMessages>().FindAsync(MessageId.Parse(id, null)))!.Owner.ShouldBe("alice");
    }

    [Fact]
    public async Task A_job_can_be_followed_to_its_result()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        Answer? running = null;
        await EdgeApp.UntilAsync(async () => (running = await app.Alice.FetchAsync(address)).Text.Contains("\"done\":3", StringComparison.Ordinal));
        running!.ShouldBe(200);
        running.Member("status").ShouldBe("running");
        running.Member("attempt").ShouldBe("1");
        running.Member("maxAttempts").ShouldBe("3");
        running.Json.GetProperty("progress").ToString().ShouldBe("""{"done":3,"total":10,"unit":"pages","message":null}""");
        running["Retry-After"].ShouldBe("1");
        running["Cache-Control"].ShouldBe("no-cache, private");
        running.Json.GetProperty("links").EnumerateObject().Select(l => l.Name).ShouldBe(["self", "cancel"]);
        (await app.Alice.FetchAsync(address + "/result")).ShouldBeProblem(404, "job-has-no-result");
        var same = (await app.Alice.FetchAsync(address, ("If-None-Match", running["ETag"]!))).ShouldBe(304);
        same["ETag"].ShouldBe(running["ETag"]);
        same["Retry-After"].ShouldBe("1");

        reports.Gate.Release();
        var done = (await app.Alice.FetchAsync(address + "?wait=20", ("If-None-Match", running["ETag"]!))).ShouldBe(200);
        done.Member("status").ShouldBe("succeeded");
        done["Retry-After"].ShouldBeNull();
        done["ETag"].ShouldNotBe(running["ETag"]);
        done.Member("finishedAt").ShouldNotBeNull().ShouldEndWith("Z");
        done.Json.GetProperty("links").EnumerateObject().Select(l => l.Name).ShouldBe(["self", "result"]);

        var result = (await app.Alice.FetchAsync(done.Json.GetProperty("links").GetProperty("result").GetString()!)).ShouldBe(200);
        result.Text.ShouldBe("month,sum\n2026-05,17\n");
        result["Content-Type"].ShouldBe("text/csv");
    }

    [Fact]
    public async Task A_result_is_served_as_what_it_is_and_runs_nothing()
    {
        reports.End = _ => Outcome.DoneWith("<script>alert(1)</script>", "text/html");
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        reports.Gate.Release();
        (await app.Alice.FetchAsync(address + "?wait=20")).Member("status").ShouldBe("succeeded");
        var result = (await app.Alice.FetchAsync(address + "/result")).ShouldBe(200);
        result["X-Content-Type-Options"].ShouldBe("nosniff");
        result["Content-Security-Policy"].ShouldBe("default-src 'none'; sandbox");
        result["Cache-Control"].ShouldBe("no-cache, private");
        (await app.Alice.FetchAsync(address + "/result", ("If-None-Match", result["ETag"]!))).ShouldBe(304).Body.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_job_that_fails_says_when_it_is_tried_again_and_at_last_why_it_was_given_up()
    {
        reports.End = d => Outcome.Retry($"the printer is out of paper, attempt {d.Attempt}", after: d.Attempt == 1 ? TimeSpan.FromMinutes(5) : TimeSpan.Zero);
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        reports.Gate.Release();
        Answer? retrying = null;
        await EdgeApp.UntilAsync(async () => (retrying = await app.Alice.FetchAsync(address)).Member("status") == "retrying");
        retrying!.Member("error").ShouldBe("the printer is out of paper, attempt 1");
        DateTimeOffset.Parse(retrying.Member("nextRunAt")!, CultureInfo.InvariantCulture).ShouldBe(DateTimeOffset.UtcNow.AddMinutes(5), TimeSpan.FromMinutes(1));
        retrying["Retry-After"].ShouldBe("1");

        reports.End = _ => Outcome.Reject("no printer knows this paper");
        var second = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        reports.Gate.Release();
        var dead = await app.Alice.FetchAsync(second + "?wait=20");
        dead.Member("status").ShouldBe("dead");
        dead.Member("error").ShouldBe("no printer knows this paper");
        dead["Retry-After"].ShouldBeNull();
        dead.Json.GetProperty("links").EnumerateObject().Select(l => l.Name).ShouldBe(["self"]);
    }

    [Fact]
    public async Task One_key_is_one_job_and_another_key_another()
    {
        await using var app = await StartAsync();
        var first = (await app.Alice.PostAsync("/reports", May, ("Idempotency-Key", "may"))).ShouldBe(202);
        (await app.Alice.PostAsync("/reports", May, ("Idempotency-Key", "may"))).ShouldRepeat(first);
        (await app.Alice.PostAsync("/reports", May, ("Idempotency-Key", "may-again"))).ShouldBe(202)["Location"].ShouldNotBe(first["Location"]);
        (await app.Alice.PostAsync("/reports", """{"month":"2026-06"}""", ("Idempotency-Key", "may"))).ShouldBeProblem(422, "idempotency-key-reused");
        (await app.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(2);
    }

    [Fact]
    public async Task A_job_exists_exactly_if_the_rest_of_its_command_does()
    {
        await using var app = await StartAsync();
        (await app.Alice.PostAsync("/reports/paid", """{"month":"0000-00"}""", ("Idempotency-Key", "paid"))).ShouldBeProblem(500, "internal-error");
        (await app.ScalarAsync("SELECT (SELECT count(*) FROM surety_message) + (SELECT count(*) FROM deposit)")).ShouldBe(0);
        (await app.Alice.PostAsync("/reports/paid", May, ("Idempotency-Key", "paid"))).ShouldBe(202);
        (await app.ScalarAsync("SELECT (SELECT count(*) FROM surety_message) + (SELECT count(*) FROM deposit)")).ShouldBe(2);
    }

    [Fact]
    public async Task Jobs_are_taken_only_where_they_have_a_unit_of_work()
    {
        await using var app = await StartAsync();
        (await app.Alice.PostAsync("/reports/careless", May)).ShouldBeProblem(500, "internal-error", outcome: "unknown");
        app.Log.Lines.ShouldContain(l => l.Contains("RequireIdempotencyKey() or AcceptIdempotencyKey()", StringComparison.Ordinal));
        (await app.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(0);
    }

    [Fact]
    public async Task A_scheduled_job_says_so()
    {
        await using var app = await StartAsync();
        var accepted = (await app.Alice.PostAsync("/reports/later", May)).ShouldBe(202);
        accepted.Member("status").ShouldBe("scheduled");
        var job = await app.Alice.FetchAsync(accepted["Location"]!);
        job.Member("status").ShouldBe("scheduled");
        job.Member("attempt").ShouldBe("0");
        DateTimeOffset.Parse(job.Member("nextRunAt")!, CultureInfo.InvariantCulture).ShouldBe(DateTimeOffset.UtcNow.AddHours(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_job_that_exists_already_is_pointed_at()
    {
        await using var app = await StartAsync();
        var first = (await app.Alice.PostAsync("/reports/unique", May)).ShouldBe(202);
        await app.UntilAsync(MessageId.Parse(first.Member("id")!, null), MessageStatus.Running);
        var second = (await app.Alice.PostAsync("/reports/unique", May)).ShouldBe(202);
        second["Location"].ShouldBe(first["Location"]);
        (await app.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(1);
    }

    [Fact]
    public async Task A_job_that_has_not_started_is_cancelled_at_once()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports/later", May))["Location"]!;
        (await app.Alice.SendAsync(HttpMethod.Delete, address)).ShouldBe(204).Body.ShouldBeEmpty();
        var job = await app.Alice.FetchAsync(address);
        job.Member("status").ShouldBe("cancelled");
        job.Member("error").ShouldBe("Cancelled by alice.");
        job["Retry-After"].ShouldBeNull();
        (await app.Alice.SendAsync(HttpMethod.Delete, address)).ShouldBeProblem(409, "job-not-cancellable");
    }

    [Fact]
    public async Task A_running_job_is_asked_to_stop()
    {
        await using var app = await StartAsync();
        var accepted = await app.Alice.PostAsync("/reports", May);
        var address = accepted["Location"]!;
        await app.UntilAsync(MessageId.Parse(accepted.Member("id")!, null), MessageStatus.Running);
        var asked = (await app.Alice.SendAsync(HttpMethod.Delete, address)).ShouldBe(202);
        asked.Member("cancelRequested").ShouldBe("True");
        asked["Location"].ShouldBe(address);
        (await app.Alice.FetchAsync(address + "?wait=20")).Member("status").ShouldBe("cancelled");
    }

    [Fact]
    public async Task A_job_that_has_ended_cannot_be_cancelled()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        reports.Gate.Release();
        (await app.Alice.FetchAsync(address + "?wait=20")).Member("status").ShouldBe("succeeded");
        (await app.Alice.SendAsync(HttpMethod.Delete, address)).ShouldBeProblem(409, "job-not-cancellable");
        (await app.Alice.FetchAsync(address)).Member("status").ShouldBe("succeeded");
    }

    [Theory]
    [InlineData("999999")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1.0")]
    [InlineData("abc")]
    [InlineData("99999999999999999999999999")]
    [InlineData("%27%20OR%201=1")]
    public async Task A_job_that_is_not_there_is_not_found(string id)
    {
        await using var app = await StartAsync();
        await app.Alice.PostAsync("/reports/later", May);
        var operators = await app.ClientAsync("olga", "operator");
        foreach (var client in new[] { app.Alice, operators })
        {
            (await client.FetchAsync($"/jobs/{id}")).ShouldBeProblem(404, "not-found");
            (await client.FetchAsync($"/jobs/{id}/result")).ShouldBeProblem(404, "not-found");
            (await client.SendAsync(HttpMethod.Delete, $"/jobs/{id}")).ShouldBeProblem(404, "not-found");
        }
    }

    [Fact]
    public async Task A_job_exists_for_its_owner_and_the_operators_only()
    {
        await using var app = await StartAsync();
        var accepted = await app.Alice.PostAsync("/reports/later", May);
        var address = accepted["Location"]!;
        var bob = await app.ClientAsync("bob");
        var strange = await bob.FetchAsync(address);
        strange.ShouldBeProblem(404, "not-found");
        var missing = await bob.FetchAsync("/jobs/999999");
        strange.Member("detail")!.Replace(accepted.Member("id")!, "999999", StringComparison.Ordinal).ShouldBe(missing.Member("detail"));
        (await bob.FetchAsync(address + "/result")).ShouldBeProblem(404, "not-found");
        (await bob.SendAsync(HttpMethod.Delete, address)).ShouldBeProblem(404, "not-found");
        (await app.Client().FetchAsync(address)).ShouldBeProblem(401, "unauthenticated");

        var operators = await app.ClientAsync("olga", "operator");
        (await operators.FetchAsync(address)).ShouldBe(200).Member("status").ShouldBe("scheduled");
        (await operators.SendAsync(HttpMethod.Delete, address)).ShouldBe(204);
        (await app.Alice.FetchAsync(address)).Member("error").ShouldBe("Cancelled by olga.");
    }

    [Fact]
    public async Task A_message_nobody_owns_is_the_operators()
    {
        await using var app = await StartAsync();
        var id = (await app.Get<IQueue>().EnqueueAsync(new MonthlyReport("2026-05"), new EnqueueOptions { Tracked = true, Delay = TimeSpan.FromHours(1) })).Id;
        (await app.Alice.FetchAsync($"/jobs/{id}")).ShouldBeProblem(404, "not-found");
        (await (await app.ClientAsync("olga", "operator")).FetchAsync($"/jobs/{id}")).ShouldBe(200);
    }

    [Theory]
    [InlineData("soon")]
    [InlineData("-1")]
    [InlineData("")]
    [InlineData("1e3")]
    [InlineData("NaN")]
    public async Task A_wait_that_is_no_number_of_seconds_is_refused(string wait)
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports/later", May))["Location"]!;
        (await app.Alice.FetchAsync($"{address}?wait={wait}")).ShouldBeProblem(400, "validation").Json.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe("wait");
    }

    [Fact]
    public async Task Beyond_the_limit_nobody_waits()
    {
        await using var app = await EdgeApp.StartAsync(ReportEndpoints.Map, edge => edge.MaxWaiting = 1, s => s.Configure(o => o.DrainLimit = TimeSpan.Zero));
        var address = (await app.Alice.PostAsync("/reports/later", May))["Location"]!;
        using var leave = new CancellationTokenSource();
        var waiting = app.Alice.SendAsync(HttpMethod.Get, address + "?wait=30", null, leave.Token);
        await EdgeApp.UntilAsync(() => Task.FromResult(!app.Get<WaitingRoom>().TryEnterAndLeave()));
        (await app.Alice.FetchAsync(address + "?wait=30")).ShouldBe(200)["Retry-After"].ShouldBe("1");
        waiting.IsCompleted.ShouldBeFalse();
        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(waiting);
        // Who leaves makes room.
        await EdgeApp.UntilAsync(() => Task.FromResult(app.Get<WaitingRoom>().TryEnterAndLeave()));
    }

    [Fact]
    public async Task A_wait_that_ends_without_news_answers_with_what_is_known()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports/later", May))["Location"]!;
        var job = (await app.Alice.FetchAsync(address + "?wait=0.3")).ShouldBe(200);
        (await app.Alice.FetchAsync(address + "?wait=0.3", ("If-None-Match", $"\"other\", W/{job["ETag"]}"))).ShouldBe(304);
        (await app.Alice.FetchAsync(address + "?wait=20", ("If-None-Match", "\"other\""))).ShouldBe(200);
    }

    [Fact]
    public async Task Shutdown_does_not_wait_for_those_who_wait()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports/later", May))["Location"]!;
        var waiting = app.Alice.FetchAsync(address + "?wait=30");
        await EdgeApp.UntilAsync(() => Task.FromResult(app.Log.Lines.Any(l => l.Contains("Executing endpoint 'HTTP: GET /jobs/{id}", StringComparison.Ordinal))));
        var stopping = app.Host.StopAsync();
        (await waiting.WaitAsync(TimeSpan.FromSeconds(10))).ShouldBe(200).Member("status").ShouldBe("scheduled");
        await stopping;
    }

    [Fact]
    public async Task A_jobs_message_is_validated()
    {
        await using var app = await StartAsync();
        (await app.Alice.PostAsync("/reports", """{"month":"May"}""")).ShouldBeProblem(400, "validation").Text.ShouldContain("#/month");
        (await app.Alice.PostAsync("/reports", "{}")).ShouldBeProblem(400, "validation");
        (await app.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(0);
    }

    [Fact]
    public void A_message_whose_validation_nobody_would_run_stops_the_host()
    {
        var app = Should.Throw<InvalidOperationException>(() => EdgeApp.Build(host => host.MapJob<Unmarked>("/unmarked")));
        app.Message.ShouldContain("MapJob<Unmarked>");
        app.Message.ShouldContain("[ValidatableType]");
    }

    [Message("report.unmarked")]
    private sealed record Unmarked([property: StringLength(3)] string Name);

    private Task<EdgeApp> StartAsync() => EdgeApp.StartAsync(
        ReportEndpoints.Map,
        surety: s => s.Handle<MonthlyReport, Reports>("reports").Queue("reports", q => q.Retry = Retry.Fixed(3, TimeSpan.Zero)).Configure(o => o.DrainLimit = TimeSpan.Zero),
        configure: b => b.Services.AddSingleton(reports));
}

file static class WaitingRooms
{
    public static bool TryEnterAndLeave(this WaitingRoom room)
    {
        if (!room.TryEnter()) return false;
        room.Leave();
        return true;
    }
}
