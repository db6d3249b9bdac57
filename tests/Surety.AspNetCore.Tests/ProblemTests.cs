using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Tests;

public class ProblemTests
{
    [Theory]
    [InlineData("GET", "/nowhere", 404, "not-found")]
    [InlineData("DELETE", "/orders", 405, "method-not-allowed")]
    [InlineData("GET", "/secret", 403, "forbidden")]
    [InlineData("GET", "/says/406", 406, "not-acceptable")]
    [InlineData("GET", "/says/410", 410, "gone")]
    [InlineData("GET", "/says/412", 412, "precondition-failed")]
    [InlineData("GET", "/says/418", 418, "http-418")]
    [InlineData("GET", "/says/429", 429, "quota-exceeded")]
    [InlineData("GET", "/says/503", 503, "overloaded")]
    [InlineData("GET", "/says/504", 504, "timeout")]
    [InlineData("GET", "/fails", 500, "internal-error")]
    [InlineData("GET", "/own", 409, "insufficient-funds")]
    [InlineData("GET", "/frameworks-own", 409, "conflict")]
    [InlineData("GET", "/store-away", 503, "dependency-unavailable")]
    public async Task Every_error_is_a_whole_problem_in_production_and_in_development(string method, string path, int status, string code)
    {
        foreach (var environment in new[] { "Production", "Development" })
        {
            await using var app = await EdgeApp.StartAsync(Orders.Map, environment: environment);
            var answer = (await app.Alice.SendAsync(new HttpMethod(method), path)).ShouldBeProblem(status, code);
            answer.Member("instance").ShouldBe(path);
            foreach (var secret in new[] { "hunter2", "vault", "InvalidOperation", "Exception" }) answer.Text.ShouldNotContain(secret);
        }
    }

    [Theory]
    [InlineData("/quick", "0af7651916cd43dd8448eb211c80319c")]
    [InlineData("/it's/a&b+c%C3%A9", "x\"y")]
    public void A_problem_written_beforehand_is_the_one_that_would_be_written_now(string instance, string trace)
    {
        byte[] Text(string at, string id) =>
            JsonSerializer.SerializeToUtf8Bytes(
                new ProblemDetails { Status = 503, Title = "Full", Instance = at, Extensions = { ["traceId"] = id, ["outcome"] = "none" } },
                EdgeJson.Own);
        var written = new ReadyProblem(503, Text(ReadyProblem.Instance, ReadyProblem.Trace)).Written(instance, trace);
        Encoding.UTF8.GetString(written).ShouldBe(Encoding.UTF8.GetString(Text(instance, trace)));
    }

    [Fact]
    public async Task A_bare_400_says_what_it_means()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.FetchAsync("/says/400")).ShouldBeProblem(400, "bad-request").Member("detail")
            .ShouldBe("The request is malformed.");
    }

    [Fact]
    public async Task In_Development_a_request_that_cannot_be_read_is_one_line_of_the_log()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map, environment: "Development");
        (await app.Alice.PostAsync("/orders", "{")).ShouldBeProblem(400, "malformed-body");
        (await app.Alice.FetchAsync("/orders?page=x")).ShouldBeProblem(400, "validation");
        app.Log.Lines.Count(l => l.StartsWith("Debug Surety.AspNetCore.Problems.ProblemMiddleware 3001", StringComparison.Ordinal))
            .ShouldBe(2);
        app.Log.Lines.ShouldNotContain(l => l.Contains("BadHttpRequestException", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failed_request_that_may_have_acted_says_so_and_a_trace_finds_it_in_the_log()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (
            await app.Alice.SendAsync(
                HttpMethod.Post, "/fails", null, ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")))
            .ShouldBeProblem(500, "internal-error", outcome: "unknown");
        answer.Member("traceId").ShouldBe("0af7651916cd43dd8448eb211c80319c");
        app.Log.Lines.ShouldContain(l => l.StartsWith("Error Surety.AspNetCore.Problems.ProblemMiddleware 3002", StringComparison.Ordinal)
            && l.Contains("hunter2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_error_with_a_body_of_its_own_and_a_HEAD_are_left_alone()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.FetchAsync("/page")).ShouldBe(410).Text.ShouldBe("<h1>gone</h1>");
        var head = (await app.Alice.SendAsync(HttpMethod.Head, "/nowhere")).ShouldBe(404);
        head["Content-Type"].ShouldBe("application/problem+json");
        head.Body.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_error_that_announced_an_empty_body_becomes_a_problem_too()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.FetchAsync("/empty")).ShouldBeProblem(404, "not-found");
    }

    [Fact]
    public async Task An_address_cannot_write_lines_of_its_own_into_the_log()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.FetchAsync("/any/a%0D%0AError%20forged")).ShouldBeProblem(500, "internal-error").Member("instance")
            .ShouldBe("/any/a%0D%0AError%20forged");
        var line = app.Log.Lines.Where(l => l.Contains("3002", StringComparison.Ordinal)).ShouldHaveSingleItem();
        line.ShouldStartWith("Error Surety.AspNetCore.Problems.ProblemMiddleware 3002 A request to /any/a%0D%0AError%20forged failed");
    }

    [Fact]
    public async Task Errors_carry_the_header_that_says_what_would_be_right()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.SendAsync(HttpMethod.Delete, "/orders")).ShouldBeProblem(405, "method-not-allowed")["Allow"].ShouldBe("GET, POST");
        (await app.Client().FetchAsync("/orders?page=1"))
            .ShouldBeProblem(401, "unauthenticated")["WWW-Authenticate"].ShouldBe("Bearer realm=\"surety\"");
        (await app.Alice.FetchAsync("/store-away"))["Retry-After"].ShouldBe("1");
        var unsupported = await app.Alice.SendAsync(
            HttpMethod.Post, "/orders", new StringContent("<order/>", Encoding.UTF8, "application/xml"), default);
        unsupported.ShouldBeProblem(415, "unsupported-media-type")["Accept"].ShouldBe("application/json");
        (await app.Alice.SendAsync(HttpMethod.Post, "/orders", new ByteArrayContent("{}"u8.ToArray()), default))
            .ShouldBeProblem(415, "unsupported-media-type");
    }

    [Fact]
    public async Task An_unknown_address_is_not_told_from_a_closed_one_without_a_credential()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Client().FetchAsync("/secret")).ShouldBeProblem(401, "unauthenticated");
        (await app.Client().FetchAsync("/orders/17")).ShouldBeProblem(401, "unauthenticated");
    }

    [Theory]
    [InlineData("", "A body is required.", null)]
    [InlineData("null", "A body is required.", null)]
    [InlineData("{", "The body is not valid JSON.", "#")]
    [InlineData("{\"order-no\":\"1\",}", "The body is not valid JSON.", "#")]
    [InlineData("{\"order-no\":\"1\",\"lines\":[{\"sendTo\":\"a@b\" \"count\":1}]}", "The body is not valid JSON.", "#/lines/0")]
    [InlineData("// hello\n{}", "The body is not valid JSON.", "#")]
    [InlineData("[]", "The value at # has the wrong type or form.", "#")]
    [InlineData("\"order\"", "The value at # has the wrong type or form.", "#")]
    [InlineData("{\"order-no\":1,\"lines\":[]}", "The value at #/order-no has the wrong type or form.", "#/order-no")]
    [InlineData("{\"order-no\":\"1\",\"lines\":{}}", "The value at #/lines has the wrong type or form.", "#/lines")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[{\"sendTo\":\"a@b\",\"count\":\"2\"}]}", "The value at #/lines/0/count has the wrong type or form.",
        "#/lines/0/count")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[{\"sendTo\":\"a@b\",\"count\":99999999999}]}",
        "The value at #/lines/0/count has the wrong type or form.", "#/lines/0/count")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[{\"sendTo\":null,\"count\":1}]}", "The value at #/lines/0/sendTo has the wrong type or form.",
        "#/lines/0/sendTo")]
    [InlineData("{\"order-no\":\"1\",\"lines\":[],\"speed\":\"warp\"}", "The value at #/speed has the wrong type or form.", "#/speed")]
    [InlineData("{\"order-no\":\"1\",\"lines\":[],\"speed\":1}", "The value at #/speed has the wrong type or form.", "#/speed")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[],\"wantedBy\":\"tomorrow\"}", "The value at #/wantedBy has the wrong type or form.", "#/wantedBy")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[],\"marks\":{\"a/b~c d\":\"x\"}}", "The value at #/marks/a~1b~0c%20d has the wrong type or form.",
        "#/marks/a~1b~0c%20d")]
    [InlineData("{\"order-no\":\"1\",\"lines\":[],\"colour\":\"red\"}", "There is no member \"colour\" here.", "#/colour")]
    [InlineData("{\"order-no\":\"1\",\"Lines\":[]}", "There is no member \"Lines\" here.", "#/Lines")]
    [InlineData(
        "{\"order-no\":\"1\",\"lines\":[{\"sendTo\":\"a@b\",\"count\":1,\"sen/d\":1}]}", "There is no member \"sen/d\" here.",
        "#/lines/0/sen~1d")]
    [InlineData("{\"order-no\":\"1\",\"lines\":[],\"lines\":[]}", "The member \"lines\" is given twice.", "#/lines")]
    public async Task A_body_that_cannot_be_read_is_explained_in_the_clients_own_words(string body, string detail, string? pointer)
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (await app.Alice.PostAsync("/orders", body)).ShouldBeProblem(400, "malformed-body");
        answer.Member("detail").ShouldBe(detail);
        answer.Member("pointer").ShouldBe(pointer);
        answer.Text.ShouldNotContain("OrderLine");
        answer.Text.ShouldNotContain("SendTo", Case.Sensitive);
    }

    [Fact]
    public async Task Line_and_byte_are_counted_as_editors_count_them()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (await app.Alice.PostAsync("/orders", "{\n  \"order-no\": nil }")).ShouldBeProblem(400, "malformed-body");
        answer.Member("line").ShouldBe("2");
        answer.Member("byte").ShouldBe("16");
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_a_malformed_body()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        foreach (var bytes in new[] { "{\"order-no\":\"\xff\xfe\"}", "\x1f\x8b\x08", "\0\0\0\0" })
        {
            var content = new ByteArrayContent(Encoding.Latin1.GetBytes(bytes));
            content.Headers.ContentType = new("application/json");
            (await app.Alice.SendAsync(HttpMethod.Post, "/orders", content, default)).ShouldBeProblem(400, "malformed-body");
        }
    }

    [Fact]
    public async Task Missing_members_are_all_named()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (await app.Alice.PostAsync("/orders", "{}")).ShouldBeProblem(400, "validation");
        answer.Json.GetProperty("violations").EnumerateArray().Select(v => $"{v.GetProperty("pointer")} {v.GetProperty("code")}")
            .ShouldBe(["#/order-no required", "#/lines required"]);
        answer.Json.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe(["order-no", "lines"]);
    }

    [Fact]
    public async Task Validation_speaks_the_names_of_the_JSON()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (await app.Alice.PostAsync(
            "/orders",
            """
            {"order-no":"123456789","lines":[{"sendTo":"a@b","count":1},{"sendTo":"nobody","count":0}],
            "replaces":{"order-no":"","lines":[]}}
            """))
            .ShouldBeProblem(400, "validation");
        answer.Json.GetProperty("errors").EnumerateObject().Select(e => e.Name).Order()
            .ShouldBe(["lines[1].count", "lines[1].sendTo", "order-no", "replaces.order-no"]);
        answer.Json.GetProperty("violations").EnumerateArray().Select(v => v.GetProperty("pointer").GetString()!).Order()
            .ShouldBe(["#/lines/1/count", "#/lines/1/sendTo", "#/order-no", "#/replaces/order-no"]);
        answer.Text.ShouldNotContain("Number");
        answer.Text.ShouldNotContain("SendTo", Case.Sensitive);
        answer.Text.ShouldContain("The field order-no must be a string with a maximum length of 8.");
        answer.Text.ShouldContain("The field count must be between 1 and 99.");
    }

    [Theory]
    [InlineData("/orders", "page")]
    [InlineData("/orders?page=body", "page")]
    [InlineData("/orders?page=1&page-size=many", "page-size")]
    [InlineData("/orders?page=1&page-size=51", "page-size")]
    [InlineData("/orders?page=1&page-size=", "page-size")]
    public async Task A_parameter_of_the_address_is_named_as_the_client_wrote_it(string path, string name)
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var answer = (await app.Alice.FetchAsync(path)).ShouldBeProblem(400, "validation");
        answer.Json.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe(name);
        answer.Json.GetProperty("violations").EnumerateArray().ShouldHaveSingleItem().GetProperty("pointer").GetString()
            .ShouldBe($"#/{name}");
        answer.Text.ShouldNotContain("Int32");
        answer.Text.ShouldNotContain("body");
    }

    [Fact]
    public async Task A_body_that_nests_too_deep_is_refused()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map, edge => edge.MaxJsonDepth = 4);
        (await app.Alice.PostAsync("/orders", """{"order-no":"1","lines":[],"replaces":{"order-no":"2","lines":[]}}""")).ShouldBe(200);
        (await app.Alice.PostAsync(
            "/orders", """{"order-no":"1","lines":[],"replaces":{"order-no":"2","lines":[],"replaces":{"order-no":"3","lines":[{}]}}}"""))
            .ShouldBeProblem(400, "malformed-body").Member("detail").ShouldBe("The body nests deeper than 4 levels.");
        (await app.Alice.PostAsync("/orders", new string('[', 100_000))).ShouldBeProblem(400, "malformed-body");
    }

    [Theory]
    [InlineData("/orders", false)]
    [InlineData("/orders", true)]
    [InlineData("/deposits", false)]
    [InlineData("/deposits", true)]
    public async Task A_body_that_is_too_large_is_refused_announced_or_not(string path, bool chunked)
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                Orders.Map(host);
                new Deposits().Map(host);
            },
            edge => edge.MaxBodyBytes = 2_000);
        using var content = new StringContent($$"""{"account":"{{new string('x', 2_000)}}"}""", Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(
            HttpMethod.Post, path) { Content = content, Headers = { TransferEncodingChunked = chunked } };
        request.Headers.Add("Idempotency-Key", "large");
        using var response = await app.Alice.SendAsync(request);
        response.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await response.Content.ReadAsStringAsync()).ShouldContain("payload-too-large");
        (await app.RecordsAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task A_body_that_drips_in_is_given_up()
    {
        await using var app = await EdgeApp.StartAsync(
            new Deposits().Map, configure: b =>
                b.WebHost.ConfigureKestrel(
                    k => k.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 1_000, gracePeriod: TimeSpan.FromSeconds(1.1))));
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: {app.Alice.DefaultRequestHeaders.Authorization}\r\nIdempotency-Key: "
                + $"k\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"));
        using var reader = new StreamReader(client.GetStream());
        var raw = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
        raw.ShouldStartWith("HTTP/1.1 408");
        raw.ShouldContain("\"code\":\"timeout\"");
        raw.ShouldContain("\"outcome\":\"none\"");
    }

    [Theory]
    [InlineData("GET", "/things/x", "1", null, "id")]
    [InlineData("GET", "/things/99999999999", "1", null, "id")]
    [InlineData("GET", "/things/1", null, null, "X-Count")]
    [InlineData("GET", "/things/1", "1,2", null, "X-Count")]
    [InlineData("GET", "/things/1", "0", null, "X-Count")]
    [InlineData("POST", "/things", null, "name=a&how-many=x", "how-many")]
    [InlineData("POST", "/things", null, "name=a", "how-many")]
    [InlineData("POST", "/things", null, "name=abcd&how-many=1", "name")]
    public async Task A_fault_in_a_route_a_header_or_a_form_is_pointed_at_by_the_clients_name_of_it(
        string method, string path, string? count, string? form, string name)
    {
        await using var app = await EdgeApp.StartAsync(host =>
        {
            host.MapGet("/things/{id}", (int id, [FromHeader(Name = "X-Count"), Range(1, 9)] int count) => TypedResults.Ok(id * count));
            host.MapPost("/things", ([FromForm, StringLength(3)] string name, [FromForm(Name = "how-many")] int many) =>
                TypedResults.Ok(name + many)).DisableAntiforgery();
        });
        using var content = form is null ? null : new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded");
        var answer = (await app.Alice.SendAsync(new HttpMethod(method), path, content, default, count is null ? [] : [("X-Count", count)]))
            .ShouldBeProblem(400, "validation");
        answer.Json.GetProperty("violations").EnumerateArray().ShouldHaveSingleItem().GetProperty("pointer").GetString()
            .ShouldBe($"#/{name}");
        answer.Json.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe(name);
        answer.Text.ShouldNotContain("Int32");
    }

    [Theory]
    [InlineData("/orders?page=1&somebody=a%00b", "somebody", "invalid")]
    [InlineData("/orders?page=1&page=2", "page", "duplicate")]
    [InlineData("/orders?page=1&somebody=a&Somebody=b", "somebody", "duplicate")]
    [InlineData("/orders?page=1&page-size=1&page-size=1", "page-size", "duplicate")]
    public async Task A_parameter_that_is_given_twice_or_not_as_text_is_refused_and_not_guessed_at(string path, string name, string code)
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var violation = (await app.Alice.FetchAsync(path)).ShouldBeProblem(400, "validation").Json.GetProperty("violations")
            .EnumerateArray().ShouldHaveSingleItem();
        violation.GetProperty("pointer").GetString().ShouldBe($"#/{name}");
        violation.GetProperty("code").GetString().ShouldBe(code);
        (await app.Alice.FetchAsync("/orders?page=1&somebody=a&other=1&other=2")).ShouldBe(200);
    }

    [Theory]
    [InlineData("/bound")]
    [InlineData("/whole")]
    [InlineData("/own")]
    [InlineData("/command")]
    [InlineData("/guarded")]
    public async Task A_form_that_cannot_be_read_or_holds_what_the_database_cannot_keep_is_refused_wherever_it_is_read(string path)
    {
        foreach (var environment in new[] { "Production", "Development" })
        {
            await using var app = await EdgeApp.StartAsync(
                MapForms, configure: builder => builder.Services.AddAntiforgery(), environment: environment);
            await RefusedAsync("note", Encoded("note=a\0b"));
            await RefusedAsync("other", Encoded("note=fine&other=1&other=\0"));
            await RefusedAsync("no\0te", Encoded("no\0te=fine"));
            await RefusedAsync("note", new MultipartFormDataContent { { new StringContent("a\0b"), "note" } });
            // These the framework's reader gives up at, before it knows a name.
            await RefusedAsync(null, Encoded("note=a%00b"));
            await RefusedAsync(
                null, new StringContent(
                    "--x\r\nnonsense", Encoding.UTF8,
                    new System.Net.Http.Headers.MediaTypeHeaderValue("multipart/form-data") { Parameters = { new("boundary", "x") } }));
            // In Development the framework logs what a handler lets out before anybody can answer it.
            if (environment == "Production") app.Log.Lines.ShouldNotContain(l => l.StartsWith("Error", StringComparison.Ordinal));
            if (path == "/guarded") continue;
            (await SendAsync(Encoded("note=fine"))).ShouldBe(200).Text.ShouldBe("\"fine\"");
            (await SendAsync(new MultipartFormDataContent { { new StringContent("fine"), "note" } }))
                .ShouldBe(200).Text.ShouldBe("\"fine\"");

            static StringContent Encoded(string text) => new(text, Encoding.UTF8, "application/x-www-form-urlencoded");

            async Task RefusedAsync(string? field, HttpContent form)
            {
                var answer = (await SendAsync(form)).ShouldBeProblem(400, field is null ? "malformed-body" : "validation");
                if (field is null) return;
                answer.Json.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe(field);
                answer.Member("detail").ShouldBe("The value must not contain the character U+0000.");
            }

            async Task<Answer> SendAsync(HttpContent form)
            {
                using (form)
                    return await app.Alice.SendAsync(HttpMethod.Post, path, form, default, ("Idempotency-Key", Guid.NewGuid().ToString()));
            }
        }
    }

    private static void MapForms(WebApplication host)
    {
        host.UseAntiforgery();
        host.MapPost("/bound", ([FromForm] string note) => TypedResults.Ok(note)).DisableAntiforgery();
        host.MapPost("/whole", (IFormCollection form) => TypedResults.Ok(form["note"].ToString())).DisableAntiforgery();
        host.MapPost("/own", async (HttpRequest request) => TypedResults.Ok((await request.ReadFormAsync())["note"].ToString()));
        host.MapPost("/command", ([FromForm] string note) => TypedResults.Ok(note)).RequireIdempotencyKey().DisableAntiforgery();
        host.MapPost("/guarded", ([FromForm] string note) => TypedResults.Ok(note));
    }

    [Fact]
    public async Task An_endpoints_own_limits_of_its_forms_are_kept()
    {
        await using var app = await EdgeApp.StartAsync(
            host => host.MapPost("/two", (IFormCollection form) => TypedResults.Ok(form.Count)).DisableAntiforgery()
                .WithFormOptions(valueCountLimit: 2));
        (await SendAsync("a=1&b=2")).ShouldBe(200).Text.ShouldBe("2");
        (await SendAsync("a=1&b=2&c=3")).ShouldBeProblem(400, "malformed-body");

        async Task<Answer> SendAsync(string text)
        {
            using var form = new StringContent(text, Encoding.UTF8, "application/x-www-form-urlencoded");
            return await app.Alice.SendAsync(HttpMethod.Post, "/two", form, default);
        }
    }

    [Theory]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=nonsense")]
    [InlineData("application/json; charset=\"utf-7\"")]
    public async Task JSON_in_an_encoding_that_JSON_does_not_have_is_refused(string type)
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await SendAsync(type)).ShouldBeProblem(415, "unsupported-media-type").Member("detail").ShouldNotBeNull().ShouldContain("UTF-8");
        (await SendAsync("application/json; charset=\"UTF-8\"")).ShouldBe(200);

        async Task<Answer> SendAsync(string type)
        {
            using var content = new ByteArrayContent("""{"order-no":"1","lines":[]}"""u8.ToArray());
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            return await app.Alice.SendAsync(HttpMethod.Post, "/orders", content, default);
        }
    }

    [Fact]
    public async Task No_more_of_what_was_sent_comes_back_than_helps()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        var name = new string('n', 50_000);
        string[] bodies =
        [
            $$"""{"{{name}}":1}""", $$$"""{"order-no":"1","lines":[],"marks":{"{{{name}}}":"x"}}""",
            $$$"""{"order-no":"1","lines":[],"marks":{"{{{name}}}":1,"{{{name}}}":1}}""",
        ];
        foreach (var body in bodies)
            (await app.Alice.PostAsync("/orders", body)).ShouldBeProblem(400, "malformed-body").Body.Length.ShouldBeLessThan(2_000);
    }

    [Fact]
    public async Task A_host_may_name_its_own_page_of_problems()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map, edge => edge.ProblemBase = new Uri("https://bank.example/help"));
        (await app.Alice.FetchAsync("/own")).ShouldBe(409).Member("type").ShouldBe("https://bank.example/help#insufficient-funds");
    }

    [Theory]
    [InlineData(200, "fine")]
    [InlineData(399, "fine")]
    [InlineData(600, "fine")]
    [InlineData(409, "")]
    [InlineData(409, "Not A Slug")]
    [InlineData(409, "slug\"")]
    public void A_problem_needs_an_error_and_a_slug(int status, string code) =>
        Should.Throw<ArgumentException>(() => HttpProblem.Of(status, code, "…"));
}
