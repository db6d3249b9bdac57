using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Surety.AspNetCore.Jobs;

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
        accepted.Json.GetProperty("links").EnumerateObject().Select(l => (l.Name, l.Value.GetString()))
            .ShouldBe([("self", $"/jobs/{id}"), ("events", $"/jobs/{id}/events"), ("cancel", $"/jobs/{id}")]);
        (await app.Get<IMessages>().FindAsync(accepted.Job))!.Owner.ShouldBe("alice");
    }

    [Fact]
    public async Task A_job_can_be_followed_to_its_result()
    {
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        Answer? running = null;
        await EdgeApp.UntilAsync(
            async () => (running = await app.Alice.FetchAsync(address)).Text.Contains("\"done\":3", StringComparison.Ordinal));
        running!.ShouldBe(200);
        running.Member("status").ShouldBe("running");
        running.Member("attempt").ShouldBe("1");
        running.Member("maxAttempts").ShouldBe("3");
        running.Json.GetProperty("progress").ToString().ShouldBe("""{"done":3,"total":10,"unit":"pages","message":null}""");
        running["Retry-After"].ShouldBe("1");
        running["Cache-Control"].ShouldBe("no-cache, private");
        running.Json.GetProperty("links").EnumerateObject().Select(l => l.Name).ShouldBe(["self", "events", "cancel"]);
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
        reports.End = d =>
            Outcome.Retry($"the printer is out of paper, attempt {d.Attempt}", after: d.Attempt == 1
                ? TimeSpan.FromMinutes(5) : TimeSpan.Zero);
        await using var app = await StartAsync();
        var address = (await app.Alice.PostAsync("/reports", May))["Location"]!;
        reports.Gate.Release();
        Answer? retrying = null;
        await EdgeApp.UntilAsync(async () => (retrying = await app.Alice.FetchAsync(address)).Member("status") == "retrying");
        retrying!.Member("error").ShouldBe("the printer is out of paper, attempt 1");
        DateTimeOffset.Parse(retrying.Member("nextRunAt")!, CultureInfo.InvariantCulture)
            .ShouldBe(DateTimeOffset.UtcNow.AddMinutes(5), TimeSpan.FromMinutes(1));
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
        (await app.Alice.PostAsync("/reports", May, ("Idempotency-Key", "may-again")))
            .ShouldBe(202)["Location"].ShouldNotBe(first["Location"]);
        (await app.Alice.PostAsync("/reports", """{"month":"2026-06"}""", ("Idempotency-Key", "may")))
            .ShouldBeProblem(422, "idempotency-key-reused");
        (await app.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(2);
    }

    [Fact]
    public async Task A_job_exists_exactly_if_the_rest_of_its_command_does()
    {
        await using var app = await StartAsync();
        (await app.Alice.PostAsync("/reports/paid", """{"month":"0000-00"}""", ("Idempotency-Key", "paid")))
            .ShouldBeProblem(500, "internal-error");
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
        DateTimeOffset.Parse(job.Member("nextRunAt")!, CultureInfo.InvariantCulture)
            .ShouldBe(DateTimeOffset.UtcNow.AddHours(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_job_that_exists_already_is_pointed_at()
    {
        await using var app = await StartAsync();
        var first = (await app.Alice.PostAsync("/reports/unique", May)).ShouldBe(202);
        await app.UntilAsync(first.Job, MessageStatus.Running);
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
        await app.UntilAsync(accepted.Job, MessageStatus.Running);
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
        var id = (
            await app.Get<IQueue>()
                .EnqueueAsync(new MonthlyReport("2026-05"), new EnqueueOptions { Tracked = true, Delay = TimeSpan.FromHours(1) })).Id;
        (await app.Alice.FetchAsync($"/jobs/{id}")).ShouldBeProblem(404, "not-found");
        (await (await app.ClientAsync("olga", "operator")).FetchAsync($"/jobs/{id}")).ShouldBe(200);
    }

    [Fact]
    public async Task A_job_is_found_by_its_number_alone_too()
    {
        await using var app = await StartAsync();
        var accepted = await app.Alice.PostAsync("/reports/later", May);
        (await app.Alice.FetchAsync($"/jobs/{accepted.Job}")).ShouldBe(200).Member("id").ShouldBe(accepted.Member("id"));
        foreach (var client in new[] { app.Alice, await app.ClientAsync("olga", "operator") })
            (await client.FetchAsync($"/jobs/{accepted.Job}-0123456789abcdef")).ShouldBeProblem(404, "not-found");
    }

    [Fact]
    public async Task A_job_that_is_no_longer_kept_is_gone_to_its_owner_and_was_never_there_to_others()
    {
        await using var app = await StartAsync(TimeSpan.Zero);
        var accepted = await app.Alice.PostAsync("/reports", May);
        var address = accepted["Location"]!;
        reports.Gate.Release();
        await EdgeApp.UntilAsync(async () =>
        {
            await app.Get<Storage.IMessageStore>().PruneAsync(100, default);
            return await app.Get<IMessages>().FindAsync(accepted.Job) is null;
        });

        foreach (var path in new[] { address, address + "?wait=20", address + "/result", address + "/events" })
            (await app.Alice.FetchAsync(path)).ShouldBeProblem(410, "job-gone");
        (await app.Alice.SendAsync(HttpMethod.Delete, address)).ShouldBeProblem(410, "job-gone");

        // Its number says nothing, nor does a signature that was not made for this caller and this number.
        var (number, signature) = (accepted.Job.ToString(), address[(address.IndexOf('-', StringComparison.Ordinal) + 1)..]);
        foreach (var other in new[] { number, $"{number}-", $"{number}-{signature[..^1]}", $"{number}-{signature.ToUpperInvariant()}x",
            $"{accepted.Job.Value + 1}-{signature}" })
            (await app.Alice.FetchAsync($"/jobs/{other}")).ShouldBeProblem(404, "not-found");
        foreach (var stranger in new[] { await app.ClientAsync("bob"), await app.ClientAsync("olga", "operator") })
        {
            (await stranger.FetchAsync(address)).ShouldBeProblem(404, "not-found");
            (await stranger.FetchAsync(address + "/events")).ShouldBeProblem(404, "not-found");
        }
    }

    [Fact]
    public async Task A_client_that_would_rather_not_wait_is_told_that_it_was_heard()
    {
        await using var app = await StartAsync();
        var accepted = (await app.Alice.PostAsync("/reports", May, ("Prefer", "handling=lenient, respond-async"))).ShouldBe(202);
        accepted["Preference-Applied"].ShouldBe("respond-async");
        accepted["Vary"].ShouldBe("Prefer");
        accepted["Retry-After"].ShouldBe("1");
    }

    [Fact]
    public async Task A_client_that_waits_gets_the_result_itself_and_its_repeat_does_too()
    {
        await using var app = await StartAsync();
        reports.Gate.Release();
        var result = (await app.Alice.PostAsync("/reports", May, ("Prefer", "wait=20"), ("Idempotency-Key", "may"))).ShouldBe(200);
        result.Text.ShouldBe("month,sum\n2026-05,17\n");
        result["Content-Type"].ShouldBe("text/csv");
        result["Preference-Applied"].ShouldBe("wait=20");
        result["Vary"].ShouldBe("Prefer");
        result["Retry-After"].ShouldBeNull();
        result["Content-Location"].ShouldBe(result["Location"] + "/result");

        var repeated = (await app.Alice.PostAsync("/reports", May, ("Prefer", "wait=20"), ("Idempotency-Key", "may"))).ShouldBe(200);
        repeated.Text.ShouldBe(result.Text);
        repeated["Idempotent-Replayed"].ShouldBe("true");
        // Whoever does not wait gets what was stored: where the job is.
        (await app.Alice.PostAsync("/reports", May, ("Idempotency-Key", "may"))).ShouldBe(202)["Location"].ShouldBe(result["Location"]);
    }

    [Fact]
    public async Task Nobody_is_said_to_have_waited_for_a_job_that_does_not_exist()
    {
        await using var app = await StartAsync();
        (await app.Alice.FetchAsync("/jobs/777777777", ("Prefer", "wait=20")))
            .ShouldBeProblem(404, "not-found")["Preference-Applied"].ShouldBeNull();
    }

    [Fact]
    public async Task A_job_that_takes_longer_than_its_client_waits_is_accepted_all_the_same()
    {
        await using var app = await StartAsync();
        var accepted = (await app.Alice.PostAsync("/reports", May, ("Prefer", "respond-async, wait=1"))).ShouldBe(202);
        accepted["Preference-Applied"].ShouldBe("respond-async, wait=1");
        reports.End = _ => Outcome.Reject("no printer knows this paper");
        reports.Gate.Release();
        var ended = (await app.Alice.FetchAsync(accepted["Location"]!, ("Prefer", "wait=20"))).ShouldBe(200);
        ended["Preference-Applied"].ShouldBe("wait=20");
        ended["Vary"].ShouldBe("Accept, Prefer");
        ended.Member("status").ShouldBe("dead");

        reports.Gate.Release();
        var dead = (await app.Alice.PostAsync("/reports", May, ("Prefer", "wait=20"))).ShouldBe(200);
        dead.Member("status").ShouldBe("dead");
        dead["Content-Location"].ShouldBe(dead["Location"]);
    }

    [Theory]
    [InlineData("wait=5", false, 5)]
    [InlineData("WAIT = 5 ; a=b, Respond-Async", true, 5)]
    [InlineData("wait=\"7\", wait=9", false, 7)]
    [InlineData("respond-async; wait=3", true, null)]
    [InlineData("note=\"a, wait=5, respond-async\"", false, null)]
    [InlineData("wait=-1", false, null)]
    [InlineData("wait=soon, wait", false, null)]
    [InlineData("wait=99999999999", false, null)]
    [InlineData("respond-async=1", false, null)]
    [InlineData(",,;=\"", false, null)]
    [InlineData("", false, null)]
    public void A_preference_that_cannot_be_read_is_none(string header, bool respondAsync, int? wait) =>
        Preference.Read(header).ShouldBe(new Preference(respondAsync, wait));

    [Fact]
    public async Task A_caller_lists_his_own_jobs_newest_first()
    {
        await using var app = await StartAsync();
        var bob = await app.ClientAsync("bob");
        var mine = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            mine.Insert(0, (await app.Alice.PostAsync("/reports/later", May)).Member("id")!);
            await bob.PostAsync("/reports/later", May);
        }

        var seen = new List<string>();
        for (string? next = "/jobs?pageSize=2&status=scheduled&kind=report.monthly"; next is not null;)
        {
            var page = (await app.Alice.FetchAsync(next)).ShouldBe(200);
            page["Cache-Control"].ShouldBe("no-cache, private");
            seen.AddRange(page.Json.GetProperty("items").EnumerateArray().Select(j => j.GetProperty("id").GetString()!));
            next = page["Link"]?.Split('<', '>')[1];
        }

        seen.ShouldBe(mine);
        (await app.Alice.FetchAsync("/jobs?status=dead")).ShouldBe(200).Text.ShouldBe("""{"items":[],"nextPageToken":null}""");
        foreach (var query in new[] { "pageSize=0", "pageSize=101", "pageSize=many", "status=lost", "status=99" })
            (await app.Alice.FetchAsync($"/jobs?{query}")).ShouldBeProblem(400, "validation");
        (await app.Alice.FetchAsync("/jobs?pageToken=x")).ShouldBeProblem(400, "cursor-invalid");
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
        (await app.Alice.FetchAsync($"{address}?wait={wait}")).ShouldBeProblem(400, "validation").Json.GetProperty("errors")
            .EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe("wait");
    }

    [Fact]
    public async Task Beyond_the_limit_nobody_waits()
    {
        await using var app = await EdgeApp.StartAsync(
            ReportEndpoints.Map, edge => edge.MaxWaiting = 1, s => s.Configure(o => o.DrainLimit = TimeSpan.Zero));
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
        await EdgeApp.UntilAsync(() =>
            Task.FromResult(app.Log.Lines.Any(l => l.Contains("Executing endpoint 'HTTP: GET /jobs/{id}", StringComparison.Ordinal))));
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

    [Fact]
    public void A_job_whose_stored_name_is_another_types_stops_the_host()
    {
        var fault = Should.Throw<ArgumentException>(
            () => EdgeApp.Build(host => host.MapJob<YearlyReport>("/yearly"), surety: s => s.Handle<MonthlyReport, Reports>("reports")));
        fault.Message.ShouldContain("MonthlyReport and YearlyReport have the same stored name \"report.monthly\"");
    }

    [Message("report.monthly")]
    private sealed record YearlyReport(int Year);

    [Message("report.unmarked")]
    private sealed record Unmarked([property: StringLength(3)] string Name);

    private Task<EdgeApp> StartAsync(TimeSpan? retention = null) => EdgeApp.StartAsync(
        ReportEndpoints.Map,
        surety: s =>
            s.Handle<MonthlyReport, Reports>("reports")
                .Queue("reports", q => (q.Retry, q.Retention) = (Retry.Fixed(3, TimeSpan.Zero), retention ?? q.Retention))
                    .Configure(o => o.DrainLimit = TimeSpan.Zero),
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
