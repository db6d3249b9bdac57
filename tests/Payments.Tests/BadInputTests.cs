using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Payments.Tests;

public sealed class BadInputOnSqliteTests(Backend backend) : BadInputTests(backend), IClassFixture<Backend>;

public sealed class BadInputOnPostgresTests(PostgresBackend backend) : BadInputTests(backend), IClassFixture<PostgresBackend>;

/// <summary>What clients send by mistake or by malice: each gets a problem that says what to do, and changes nothing.</summary>
public abstract partial class BadInputTests(Backend backend)
{
    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"account\":\"1\",\"amount\":\"5\",\"reference\":\"r\"} x")]
    [InlineData("{\"account\":1,\"amount\":\"5\",\"reference\":\"r\"}")]
    [InlineData("{\"account\":\"1\",\"amount\":5,\"reference\":\"r\"}")]
    [InlineData("{\"account\":\"1\",\"amount\":\"5\",\"reference\":{}}")]
    [InlineData("{\"account\":\"1\",\"amount\":\"5\",\"reference\":\"r\",\"more\":1}")]
    [InlineData("{\"account\":\"1\",\"amount\":\"5\",\"amount\":\"6\",\"reference\":\"r\"}")]
    [InlineData("{\"Account\":\"1\",\"amount\":\"5\",\"reference\":\"r\"}")]
    [InlineData("{'account':'1','amount':'5','reference':'r'}")]
    public async Task A_body_of_another_shape_is_named_as_malformed(string body) =>
        await RefusedAsync("/deposits", body, 400, "malformed-body", "validation");

    [Theory]
    [InlineData("\"0\"")]
    [InlineData("\"-5\"")]
    [InlineData("\"+5\"")]
    [InlineData("\"05\"")]
    [InlineData("\" 5\"")]
    [InlineData("\"5.00\"")]
    [InlineData("\"5e3\"")]
    [InlineData("\"٥\"")]
    [InlineData("\"NaN\"")]
    [InlineData("\"\"")]
    [InlineData("\"1000000000000001\"")]
    [InlineData("\"99999999999999999999999999999999\"")]
    [InlineData("null")]
    public async Task An_amount_that_is_no_amount_is_pointed_at(string amount)
    {
        var reply = await RefusedAsync(
            "/deposits", $$"""{"account":"1","amount":{{amount}},"reference":"r"}""", 400, "validation", "malformed-body");
        if (reply["code"] == "validation") reply.ShouldPointAt("#/amount");
    }

    [Fact]
    public async Task Every_fault_of_a_body_is_named_at_once()
    {
        var reply = await RefusedAsync(
            "/transfers", $$"""{"from":"","to":"{{new string('9', 21)}}","amount":"x","reference":"{{new string('r', 141)}}"}""",
            400, "validation");
        reply.ShouldPointAt("#/from").ShouldPointAt("#/to").ShouldPointAt("#/amount").ShouldPointAt("#/reference");
        var account = await RefusedAsync("/accounts", """{"owner":"","currency":"XXX","overdraftLimit":"-1"}""", 400, "validation");
        account.ShouldPointAt("#/owner").ShouldPointAt("#/currency").ShouldPointAt("#/overdraftLimit");
    }

    [Fact]
    public async Task A_missing_member_is_named()
    {
        (await RefusedAsync("/transfers", """{"from":"1","to":"2"}""", 400, "validation")).ShouldPointAt("#/amount");
        (await RefusedAsync("/payouts", """{"account":"1","amount":"5"}""", 400, "validation")).ShouldPointAt("#/destination");
    }

    [Fact]
    public async Task A_huge_body_is_refused() =>
        await RefusedAsync(
            "/deposits", $$"""{"account":"1","amount":"5","reference":"{{new string('r', 2_000_000)}}"}""", 413, "payload-too-large");

    [Fact]
    public async Task A_deep_body_is_refused() =>
        await RefusedAsync(
            "/deposits", $$"""{"account":"1","amount":"5","reference":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}""",
            400, "malformed-body");

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    public async Task A_body_of_another_media_type_is_refused(string type)
    {
        var before = await backend.AuditAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, "/deposits")
        {
            Content = new StringContent("""{"account":"1","amount":"5","reference":"r"}"""),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        var reply = (await backend.SendAsync(request, ("Idempotency-Key", backend.NewKey()))).ShouldBeProblem(
            415, "unsupported-media-type");
        reply.Header("Accept")!.ShouldContain("application/json");
        (await backend.AuditAsync()).Transfers.ShouldBe(before.Transfers);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("\"unclosed")]
    [InlineData("two,keys")]
    [InlineData("key;parameter=1")]
    public async Task A_hostile_key_is_refused(string key)
    {
        var before = await backend.AuditAsync();
        var reply = await backend.PostTextAsync("/deposits", """{"account":"1","amount":"5","reference":"r"}""", ("Idempotency-Key", key));
        reply.Status.ShouldBe(400, reply.Body);
        reply["code"].ShouldBeOneOf("idempotency-key-invalid", "idempotency-key-missing", "bad-request");
        (await backend.AuditAsync()).Transfers.ShouldBe(before.Transfers);
    }

    [Fact]
    public async Task A_key_is_as_long_as_it_may_be_and_required_where_money_moves()
    {
        var account = await backend.AccountAsync();
        (await backend.DepositAsync(account, 1, new string('k', 255))).ShouldBe(201);
        (await backend.DepositAsync(account, 1, new string('k', 256))).ShouldBeProblem(400, "idempotency-key-invalid");
        foreach (var path in new[] { "/deposits", "/transfers", "/payouts" })
            (await backend.PostTextAsync(path, "{}")).ShouldBeProblem(400, "idempotency-key-missing");
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("01")]
    [InlineData("1e3")]
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999999999")]
    [InlineData("1'%20OR%20'1'='1")]
    [InlineData("%00")]
    [InlineData("..%2Faudit")]
    [InlineData("%F0%9F%92%A3")]
    public async Task A_hostile_id_is_one_that_does_not_exist(string id)
    {
        (await backend.GetAsync($"/accounts/{id}")).Status.ShouldBeOneOf(404, 400);
        (await backend.GetAsync($"/accounts/{id}/entries")).Status.ShouldBeOneOf(404, 400);
        (await backend.GetAsync($"/transfers/{id}")).Status.ShouldBeOneOf(404, 400);
        (await backend.GetAsync($"/jobs/{id}")).Status.ShouldBeOneOf(404, 400);
    }

    [Theory]
    [InlineData("pageSize=0", "validation")]
    [InlineData("pageSize=501", "validation")]
    [InlineData("pageSize=many", "validation")]
    [InlineData("pageSize=-1", "validation")]
    [InlineData("pageToken=x", "cursor-invalid")]
    [InlineData("pageToken=-1", "cursor-invalid")]
    public async Task A_page_that_cannot_be_is_refused(string query, string code) =>
        (await backend.GetAsync($"/accounts/{await backend.AccountAsync()}/entries?{query}")).ShouldBeProblem(400, code);

    [Fact]
    public async Task Unknown_addresses_and_methods_are_problems_too()
    {
        (await backend.GetAsync("/nothing")).ShouldBeProblem(404, "not-found");
        (await backend.DeleteAsync("/deposits")).ShouldBeProblem(405, "method-not-allowed").Header("Allow").ShouldBe("POST");
    }

    [Fact]
    public async Task Without_a_good_key_nobody_learns_or_changes_anything()
    {
        foreach (var authorization in new[] { "", "Bearer", "Bearer wrong", "Bearer sk_000000000000_00", "Basic ZGV2OmRldg==" })
        {
            foreach (var path in new[] { "/accounts/1", "/audit", "/keys", "/jobs/1", "/transfers/1" })
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                using var anonymous = new HttpClient { BaseAddress = backend.Rig.Payments.BaseAddress };
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
                using var response = await anonymous.SendAsync(request);
                ((int)response.StatusCode).ShouldBe(401, $"{path} with \"{authorization}\"");
                response.Headers.WwwAuthenticate.ShouldNotBeEmpty();
            }
        }
    }

    [Fact]
    public async Task Every_endpoint_of_the_sample_is_closed_without_a_credential_and_the_operators_without_the_scope()
    {
        var endpoints = SampleSources().SelectMany(source => Mapping().Matches(source))
            .SelectMany(Requests).Append((HttpMethod.Get, "/jobs/1")).Append((HttpMethod.Delete, "/jobs/1")).ToList();
        endpoints.Count.ShouldBeGreaterThan(15);
        var made = (await backend.PostTextAsync("/keys", """{"principal":"walker"}""")).ShouldBe(201);
        using var nobody = new HttpClient { BaseAddress = backend.Rig.Payments.BaseAddress };
        using var walker = new HttpClient
        {
            BaseAddress = backend.Rig.Payments.BaseAddress,
                DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", made["secret"]) },
        };
        foreach (var (method, path) in endpoints)
        {
            using var answer = await nobody.SendAsync(new HttpRequestMessage(method, path));
            ((int)answer.StatusCode).ShouldBe(401, $"{method} {path}");
            if (!path.StartsWith("/keys", StringComparison.Ordinal)) continue;
            using var refused = await walker.SendAsync(new HttpRequestMessage(method, path));
            ((int)refused.StatusCode).ShouldBe(403, $"{method} {path}");
        }

        static IEnumerable<(HttpMethod Method, string Path)> Requests(Match mapping)
        {
            var (how, path) = (mapping.Groups["how"].Value, (mapping.Groups["on"].Value == "keys" ? "/keys" : "") + Variable().Replace(
                mapping.Groups["path"].Value, "1"));
            if (how != "Uploads") return [(new HttpMethod(how == "Job" ? "POST" : how.ToUpperInvariant()), path)];
            return [(HttpMethod.Post, path), .. new[] { HttpMethod.Head, HttpMethod.Patch, HttpMethod.Delete }.Select(
                m => (m, path + "/1"))];
        }
    }

    [GeneratedRegex("(?<on>app|keys)\\.Map(?<how>Get|Post|Patch|Delete|Job|Uploads)(?:<[^>]*>)?\\(\"(?<path>[^\"]*)\"")]
    private static partial Regex Mapping();

    [GeneratedRegex("\\{[^}]*\\}")]
    private static partial Regex Variable();

    [Fact]
    public async Task A_key_made_by_an_operator_works_until_it_is_revoked_and_makes_no_others()
    {
        var made = (await backend.PostTextAsync("/keys", """{"principal":"shop"}""")).ShouldBe(201);
        made.Header("Cache-Control").ShouldBe("no-store");
        using var shop = new HttpClient
        {
            BaseAddress = backend.Rig.Payments.BaseAddress,
                DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", made["secret"]) },
        };
        ((int)(await shop.GetAsync("/audit")).StatusCode).ShouldBe(200);
        ((int)(await shop.GetAsync("/keys")).StatusCode).ShouldBe(403);
        (await backend.GetAsync("/keys")).ShouldBe(200).Body.ShouldNotContain(made["secret"]!);
        (await backend.DeleteAsync($"/keys/{made["prefix"]}")).ShouldBe(204);
        // Looked-up keys are remembered for 5 s.
        await Backend.UntilAsync(async () => (int)(await shop.GetAsync("/audit")).StatusCode == 401, () => "the revoked key still works");
    }

    [Fact]
    public async Task Every_problem_of_the_sample_has_its_page()
    {
        var page = (await backend.GetAsync("/problems")).ShouldBe(200).Body;
        var codes = SampleSources()
            .SelectMany(source => ProblemCode().Matches(source)).Select(m => m.Groups["code"].Value).Distinct().ToList();
        codes.ShouldContain("insufficient-funds");
        codes.Where(code => !page.Contains($"id=\"{code}\"", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    private static IEnumerable<string> SampleSources()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Surety.slnx"))) folder = Path.GetDirectoryName(folder)!;
        return Directory.EnumerateFiles(Path.Combine(folder, "samples", "Payments"), "*.cs").Select(File.ReadAllText);
    }

    [GeneratedRegex("(?:Problem\\.Of|new(?: Refusal)?)\\(\\d+, \"(?<code>[a-z0-9-]+)\"")]
    private static partial Regex ProblemCode();

    [Fact]
    public async Task A_slow_body_is_ended_and_holds_up_nobody()
    {
        var account = await backend.AccountAsync();
        using var slow = new TcpClient();
        await slow.ConnectAsync(backend.Rig.Payments.BaseAddress!.Host, backend.Rig.Payments.BaseAddress.Port);
        var stream = slow.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev\r\nIdempotency-Key: slow\r\nContent-Type: "
                + $"application/json\r\nContent-Length: 60000\r\n\r\n{{\"account\":\"{account}\""));
        for (var i = 0; i < 20; i++) (await backend.DepositAsync(account, 1)).ShouldBe(201);

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        (await reader.ReadLineAsync(limit.Token)).ShouldBe("HTTP/1.1 408 Request Timeout");
        (await backend.BalanceAsync(account)).ShouldBe(20);
        // The key was never taken.
        (await backend.DepositAsync(account, 1, "slow")).ShouldBe(201);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_refused_and_text_of_every_kind_is_kept()
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/deposits")
        {
            Content = new ByteArrayContent([.. "{\"account\":\"1\",\"amount\":\"5\",\"reference\":\""u8, 0xff, 0xfe, .. "\"}"u8]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        (await backend.SendAsync(request, ("Idempotency-Key", backend.NewKey()))).ShouldBeProblem(400, "malformed-body");

        var account = await backend.AccountAsync();
        foreach (var reference in new[] { "'; DROP TABLE account; --", "💣 \u202e ٥", "<script>", "\u0001", "a\nb" })
            (await backend.PostAsync("/deposits", new { account, amount = "1", reference })).ShouldBe(201)["reference"].ShouldBe(reference);
    }

    [Fact]
    public async Task A_character_that_PostgreSQL_cannot_keep_is_pointed_at_on_every_store()
    {
        (await RefusedAsync("/deposits", """{"account":"1","amount":"5","reference":"a\u0000b"}""", 400, "validation")).ShouldPointAt(
            "#/reference");
        (await RefusedAsync("/transfers", """{"from":"1","to":"2","amount":"5","reference":"a\u0000b"}""", 400, "validation"))
            .ShouldPointAt("#/reference");
        (await RefusedAsync("/payouts", """{"account":"1","amount":"5","destination":"a\u0000b"}""", 400, "validation")).ShouldPointAt(
            "#/destination");
        (await RefusedAsync("/accounts", """{"owner":"a\u0000b","currency":"EUR"}""", 400, "validation")).ShouldPointAt("#/owner");
    }

    private async Task<Reply> RefusedAsync(string path, string body, int status, params string[] codes)
    {
        var before = await backend.AuditAsync();
        var reply = await backend.PostTextAsync(path, body, ("Idempotency-Key", backend.NewKey()));
        reply.ShouldBeProblem(status, codes.Contains(reply["code"]) ? reply["code"]! : codes[0]);
        (await backend.AuditAsync()).Transfers.ShouldBe(before.Transfers);
        return reply;
    }
}
