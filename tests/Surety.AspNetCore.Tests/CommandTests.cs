namespace Surety.AspNetCore.Tests;

public class CommandTests
{
    private readonly Deposits deposits = new();

    [Fact]
    public async Task An_accepted_command_left_its_effect_its_message_and_its_record()
    {
        await using var app = await StartAsync();
        var answer = (await app.Alice.DepositAsync("first")).ShouldBe(201);
        answer["Location"].ShouldBe("/deposits/1");
        answer["ETag"].ShouldBe("\"1\"");
        answer["Idempotent-Replayed"].ShouldBeNull();
        answer.Text.ShouldBe("""{"id":"1","account":"savings","amount":10}""");
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task A_repeat_gets_the_same_status_headers_and_bytes_and_does_nothing()
    {
        await using var app = await StartAsync();
        var first = await app.Alice.DepositAsync("again");
        (await app.Alice.DepositAsync("again")).ShouldRepeat(first);
        (await app.Alice.DepositAsync("\"again\"")).ShouldRepeat(first);
        deposits.Runs.ShouldBe(1);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task Repeats_of_a_finished_command_do_not_refuse_each_other()
    {
        await using var app = await StartAsync();
        var first = await app.Alice.DepositAsync("popular");
        var repeats = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => app.Alice.DepositAsync("popular")));
        foreach (var repeat in repeats) repeat.ShouldRepeat(first);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task A_repeat_finds_its_answer_after_a_restart()
    {
        var folder = Directory.CreateTempSubdirectory("surety-edge-").FullName;
        Answer first;
        await using (var app = EdgeApp.Build(deposits.Map, folder: folder))
        {
            await app.StartAsync();
            first = await app.Alice.DepositAsync("kept");
        }

        await using (var app = EdgeApp.Build(deposits.Map, folder: folder))
        {
            await app.StartAsync();
            (await app.Alice.DepositAsync("kept")).ShouldRepeat(first);
        }

        deposits.Runs.ShouldBe(1);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("""{"account":"savings","amount":11}""", "")]
    [InlineData("""{"account":"savings","amount": 10}""", "")]
    [InlineData("""{"account":"savings","amount":10}""", "?page=2")]
    public async Task A_key_used_for_another_request_is_refused(string body, string query)
    {
        await using var app = await StartAsync();
        await app.Alice.DepositAsync("once");
        (await app.Alice.PostAsync("/deposits" + query, body, ("Idempotency-Key", "once")))
            .ShouldBeProblem(422, "idempotency-key-reused")["Idempotent-Replayed"].ShouldBeNull();
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task Of_many_requests_with_one_key_at_once_one_acts_and_the_others_are_told_to_come_back()
    {
        await using var app = await StartAsync();
        var inside = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        deposits.Before = async (_, _) =>
        {
            inside.TrySetResult();
            await go.Task;
        };
        var first = app.Alice.DepositAsync("race");
        await inside.Task.WaitAsync(TimeSpan.FromSeconds(20));
        foreach (var early in await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => app.Alice.DepositAsync("race"))))
            early.ShouldBeProblem(409, "idempotency-in-progress")["Retry-After"].ShouldBe("1");
        go.SetResult();
        var answer = (await first).ShouldBe(201);
        (await app.Alice.DepositAsync("race")).ShouldRepeat(answer);
        deposits.Runs.ShouldBe(1);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task Many_keys_at_once_each_act_once_however_often_they_are_sent()
    {
        await using var app = await StartAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            for (;;)
            {
                var answer = await app.Alice.DepositAsync($"key-{i % 15}", 100 + (i % 15));
                if (answer.Status != 409) return answer.ShouldBe(201);
                answer.ShouldBeProblem(409, "idempotency-in-progress");
            }
        }));
        answers.GroupBy(a => a.Text).Count().ShouldBe(15);
        await ShouldHoldAsync(app, deposits: 15, records: 15);
    }

    [Fact]
    public async Task A_handler_that_throws_leaves_nothing_and_the_key_is_free()
    {
        await using var app = await StartAsync();
        deposits.After = (_, _) => throw new InvalidDataException("the vault is at 10.1.2.3");
        (await app.Alice.DepositAsync("retry")).ShouldBeProblem(500, "internal-error").Text.ShouldNotContain("vault");
        await ShouldHoldAsync(app, deposits: 0, records: 0);
        deposits.After = null;
        (await app.Alice.DepositAsync("retry")).ShouldBe(201);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Theory]
    [InlineData(402)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(412)]
    [InlineData(422)]
    public async Task A_refusal_undoes_the_handlers_writes_and_is_repeated(int status)
    {
        await using var app = await StartAsync();
        deposits.After = (_, _) =>
            Task.FromResult<IResult?>(HttpProblem.Of(status, "insufficient-funds", "There are 3.00 EUR; 10.00 EUR were asked for."));
        var first = (await app.Alice.DepositAsync("poor")).ShouldBeProblem(status, "insufficient-funds");
        await ShouldHoldAsync(app, deposits: 0, records: 1);
        deposits.After = null;
        (await app.Alice.DepositAsync("poor")).ShouldRepeat(first);
        deposits.Runs.ShouldBe(1);
        (await app.Alice.DepositAsync("poor", 11)).ShouldBeProblem(422, "idempotency-key-reused");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(408)]
    [InlineData(425)]
    [InlineData(428)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task An_answer_that_may_be_another_next_time_is_not_kept(int status)
    {
        await using var app = await StartAsync();
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.StatusCode(status));
        (await app.Alice.DepositAsync("later")).ShouldBe(status)["Content-Type"].ShouldBe("application/problem+json");
        await ShouldHoldAsync(app, deposits: 0, records: 0);
        deposits.After = null;
        (await app.Alice.DepositAsync("later")).ShouldBe(201);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    [Fact]
    public async Task A_request_that_does_not_validate_costs_no_transaction_and_keeps_its_key()
    {
        await using var app = await StartAsync();
        (await app.Alice.DepositAsync("typo", amount: 0)).ShouldBeProblem(400, "validation");
        (await app.Alice.PostAsync("/deposits", "{", ("Idempotency-Key", "typo"))).ShouldBeProblem(400, "malformed-body");
        deposits.Runs.ShouldBe(0);
        await ShouldHoldAsync(app, deposits: 0, records: 0);
        (await app.Alice.DepositAsync("typo")).ShouldBe(201);
    }

    [Fact]
    public async Task A_key_belongs_to_one_caller_and_one_route()
    {
        await using var app = await StartAsync();
        var bob = await app.ClientAsync("bob");
        var answers = new[]
        {
            await app.Alice.DepositAsync("shared"), await bob.DepositAsync("shared"),
                await app.Alice.DepositAsync("shared", path: "/optional"),
            await app.Alice.DepositAsync("shared", path: "/accounts/7/deposits"),
        };
        foreach (var answer in answers) answer.ShouldBe(201);
        answers.Select(a => a.Text).Distinct().Count().ShouldBe(4);
        (await bob.DepositAsync("shared")).ShouldRepeat(answers[1]);
        // The same route with another value in it is another request, not another key.
        (await app.Alice.DepositAsync("shared", path: "/accounts/8/deposits")).ShouldBeProblem(422, "idempotency-key-reused");
        await ShouldHoldAsync(app, deposits: 4, records: 4);
    }

    [Fact]
    public async Task A_second_credential_of_the_same_principal_finds_the_answer()
    {
        await using var app = await StartAsync();
        var first = await app.Alice.DepositAsync("rotated");
        (await (await app.ClientAsync("alice")).DepositAsync("rotated")).ShouldRepeat(first);
    }

    [Fact]
    public async Task Without_a_key_an_optional_command_acts_each_time_and_is_all_or_nothing()
    {
        await using var app = await StartAsync();
        (await app.Alice.DepositAsync(null, path: "/optional")).ShouldBe(201);
        (await app.Alice.DepositAsync(null, path: "/optional")).ShouldBe(201);
        deposits.After = (_, _) => throw new InvalidDataException();
        (await app.Alice.DepositAsync(null, path: "/optional")).ShouldBeProblem(500, "internal-error");
        deposits.After = (_, _) => Task.FromResult<IResult?>(TypedResults.UnprocessableEntity());
        (await app.Alice.DepositAsync(null, path: "/optional")).ShouldBeProblem(422, "unprocessable");
        await ShouldHoldAsync(app, deposits: 2, records: 0);
    }

    [Fact]
    public async Task Once_its_time_is_over_a_key_acts_again()
    {
        var clock = new ShiftedTime();
        await using var app = await EdgeApp.StartAsync(
            deposits.Map, edge => edge.KeepAnswers = TimeSpan.FromHours(2), configure: b => b.Services.AddSingleton<TimeProvider>(clock));
        var first = await app.Alice.DepositAsync("yesterday");
        clock.Advance(TimeSpan.FromMinutes(119));
        (await app.Alice.DepositAsync("yesterday")).ShouldRepeat(first);
        clock.Advance(TimeSpan.FromMinutes(2));
        (await app.Alice.DepositAsync("yesterday", 12)).ShouldBe(201)["Idempotent-Replayed"].ShouldBeNull();
        await ShouldHoldAsync(app, deposits: 2, records: 1);
    }

    [Fact]
    public async Task A_group_can_make_commands_of_its_endpoints_and_an_endpoint_may_say_otherwise()
    {
        await using var app = await EdgeApp.StartAsync(host =>
        {
            var group = host.MapGroup("/group").RequireIdempotencyKey();
            group.MapPost("/required", (Deposit deposit, UnitOfWork work) => Deposits.InsertAsync(work, deposit));
            group.MapPost("/optional", (Deposit deposit, UnitOfWork work) => Deposits.InsertAsync(work, deposit)).AcceptIdempotencyKey();
        });
        (await app.Alice.DepositAsync(null, path: "/group/required")).ShouldBeProblem(400, "idempotency-key-missing");
        (await app.Alice.DepositAsync("k", path: "/group/required")).ShouldBe(200).Text.ShouldBe("1");
        (await app.Alice.DepositAsync(null, path: "/group/optional")).ShouldBe(200).Text.ShouldBe("2");
        var first = (await app.Alice.DepositAsync("k", path: "/group/optional")).ShouldBe(200);
        (await app.Alice.DepositAsync("k", path: "/group/optional")).ShouldRepeat(first);
        (await app.DepositsAsync()).ShouldBe(3);
    }

    [Fact]
    public async Task A_filter_before_the_mark_refuses_without_a_transaction_and_one_after_it_works_inside()
    {
        await using var app = await EdgeApp.StartAsync(
            host => host.MapPost("/filtered", (Deposit deposit, UnitOfWork work) => Deposits.InsertAsync(work, deposit))
            .AddEndpointFilter((context, next) => context.HttpContext.Request.Query.ContainsKey("closed")
                ? new(HttpProblem.Of(409, "closed", "Come back on Monday.")) : next(context))
            .RequireIdempotencyKey()
            .AddEndpointFilter(async (context, next) =>
            {
                await Deposits.InsertAsync(context.HttpContext.RequestServices.GetRequiredService<UnitOfWork>(), new Deposit("filter", 1));
                return await next(context);
            }));
        (await app.Alice.DepositAsync("f", path: "/filtered?closed")).ShouldBeProblem(409, "closed");
        await ShouldHoldAsync(app, deposits: 0, records: 0, messages: 0);
        (await app.Alice.DepositAsync("f", path: "/filtered")).ShouldBe(200);
        await ShouldHoldAsync(app, deposits: 2, records: 1, messages: 0);
    }

    [Fact]
    public async Task Two_processes_that_get_one_key_at_once_act_once_and_answer_alike()
    {
        var folder = Directory.CreateTempSubdirectory("surety-edge-").FullName;
        await using (var first = EdgeApp.Build(deposits.Map, folder: folder))
        await using (var second = EdgeApp.Build(deposits.Map, folder: folder))
        {
            await first.StartAsync();
            await second.StartAsync();
            for (var i = 0; i < 20; i++)
            {
                var answers = await Task.WhenAll(first.Alice.DepositAsync($"both-{i}"), second.Alice.DepositAsync($"both-{i}"));
                foreach (var answer in answers) answer.ShouldBe(201);
                answers[0].Body.ShouldBe(answers[1].Body);
                answers.Count(a => a["Idempotent-Replayed"] == "true").ShouldBe(1);
            }

            await ShouldHoldAsync(first, deposits: 20, records: 20);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("write")]
    [InlineData("writer")]
    [InlineData("started")]
    [InlineData("file")]
    [InlineData("stream")]
    public async Task However_a_handler_writes_its_answer_nothing_of_it_is_sent_before_the_commit(string way)
    {
        await using var app = await StartAsync();
        var fails = true;
        deposits.After = async (http, cancel) =>
        {
            http.Response.Headers.Location = "/half-way";
            var result = await WriteAsync(http, way, cancel);
            http.Response.HasStarted.ShouldBeFalse();
            return fails ? throw new InvalidDataException() : result;
        };
        var failed = (await app.Alice.DepositAsync("held")).ShouldBeProblem(500, "internal-error");
        failed["Location"].ShouldBeNull();
        failed.Text.ShouldNotContain("the answer");
        fails = false;
        var first = (await app.Alice.DepositAsync("held")).ShouldBe(200);
        first.Text.ShouldBe("the answer");
        first["Location"].ShouldBe("/half-way");
        (await app.Alice.DepositAsync("held")).ShouldRepeat(first);
        await ShouldHoldAsync(app, deposits: 1, records: 1);
    }

    private static async Task<IResult> WriteAsync(HttpContext http, string way, CancellationToken cancel)
    {
        if (way == "stream") return TypedResults.Stream(new MemoryStream("the answer"u8.ToArray()), "text/plain");
        http.Response.ContentType = "text/plain";
        switch (way)
        {
            case "writer":
                await http.Response.BodyWriter.WriteAsync("the answer"u8.ToArray(), cancel);
                break;
            case "started":
                await http.Response.StartAsync(cancel);
                await http.Response.WriteAsync("the answer", cancel);
                await http.Response.CompleteAsync();
                break;
            case "file":
                var file = Path.GetTempFileName();
                await File.WriteAllTextAsync(file, "the answer", cancel);
                await http.Response.SendFileAsync(file, cancel);
                File.Delete(file);
                break;
            default:
                await http.Response.WriteAsync("the ", cancel);
                await http.Response.Body.FlushAsync(cancel);
                http.Response.Body.WriteByte((byte)'a');
                await http.Response.WriteAsync("nswer", cancel);
                break;
        }

        return Results.Empty;
    }

    private Task<EdgeApp> StartAsync() => EdgeApp.StartAsync(deposits.Map);

    /// <summary>Every effect has its message, and every record its answer.</summary>
    private static async Task ShouldHoldAsync(EdgeApp app, int deposits, int records, int? messages = null)
    {
        (await app.DepositsAsync()).ShouldBe(deposits);
        (await app.ScalarAsync("SELECT count(*) FROM surety_message WHERE kind = 'deposit.made'")).ShouldBe(messages ?? deposits);
        (await app.RecordsAsync()).ShouldBe(records);
        (await app.ScalarAsync("SELECT count(*) FROM surety_idempotency WHERE status IS NULL")).ShouldBe(0);
    }
}
