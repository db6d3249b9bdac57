using System.Net.Http.Headers;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

/// <summary>What is the same request, and what is the same key.</summary>
public sealed class FingerprintTests
{
    private static readonly (string, string) Key = ("Idempotency-Key", "one");
    private readonly Deposits deposits = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_to_another_host_is_another_request_and_not_another_key(bool postgres)
    {
        await using var place = postgres ? await PostgresEdge.OpenAsync() : null;
        await using var app = await EdgeApp.StartAsync(deposits.Map, place: place);
        var first = (await AtAsync(app.Alice, "a.example")).ShouldBe(201);
        (await AtAsync(app.Alice, "b.example")).ShouldBeProblem(422, "idempotency-key-reused");
        (await AtAsync(app.Alice, "A.example:8443")).ShouldRepeat(first);
        deposits.Runs.ShouldBe(1);
    }

    [Fact]
    public async Task A_tenants_keys_are_its_own()
    {
        await using var app = await EdgeApp.StartAsync(
            deposits.Map, edge => edge.TenantOf = http => http.Request.Host.Host == "none.example" ? null : http.Request.Host.Host);
        var first = (await AtAsync(app.Alice, "a.example")).ShouldBe(201);
        (await AtAsync(app.Alice, "b.example")).ShouldBe(201)["Idempotent-Replayed"].ShouldBeNull();
        (await AtAsync(app.Alice, "none.example")).ShouldBe(201)["Idempotent-Replayed"].ShouldBeNull();
        (await AtAsync(app.Alice, "a.example")).ShouldRepeat(first);
        deposits.Runs.ShouldBe(3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_stored_by_the_first_rule_is_found_by_it(bool postgres)
    {
        const string Body = """{"account":"savings","amount":10}""";
        await using var place = postgres ? await PostgresEdge.OpenAsync() : null;
        await using var app = await EdgeApp.StartAsync(deposits.Map, place: place);
        var records = app.Get<IIdempotencyStore>();
        await using (var work = await app.Get<Database>().BeginAsync())
        {
            var key = Digest.OfKey(null, "alice", "POST", "/deposits", "one");
            var asked = Digest.Of(System.Text.Encoding.UTF8.GetBytes(Body), "POST", "/deposits", "application/json; charset=utf-8");
            var stored = new StoredAnswer(201, new Dictionary<string, string>(), "stored"u8.ToArray());
            await records.TakeAsync(key, work.Transaction, default);
            await records.AnswerAndCommitAsync(key, new KeyRecord(stored, asked, TimeSpan.FromHours(1)), work);
        }

        (await AtAsync(app.Alice, "a.example")).ShouldBe(201).Text.ShouldBe("stored");
        (await AtAsync(app.Alice, "b.example")).ShouldBe(201).Text.ShouldBe("stored", "the first rule knew of no hosts");
        (await app.Alice.DepositAsync("one", 11)).ShouldBeProblem(422, "idempotency-key-reused");
        deposits.Runs.ShouldBe(0);
    }

    [Fact]
    public async Task A_form_sent_again_with_another_boundary_is_the_same_request()
    {
        await using var app = await EdgeApp.StartAsync(MapForm);
        var first = (await FormAsync(app, Form("one-boundary", "10", "receipt"))).ShouldBe(200);
        (await FormAsync(app, Form("another--boundary", "10", "receipt"))).ShouldRepeat(first);
        foreach (var other in new[] { Form("b", "11", "receipt"), Form("b", "10", "Receipt"), Form("b", "10", "receipt", "b.pdf") })
            (await FormAsync(app, other)).ShouldBeProblem(422, "idempotency-key-reused");
    }

    [Fact]
    public async Task Two_forms_are_not_taken_for_one_because_their_parts_end_elsewhere()
    {
        await using var app = await EdgeApp.StartAsync(MapForm);
        (await FormAsync(app, Form("b", "10", ""))).ShouldBe(200);
        (await FormAsync(app, Form("b", "1", "0"))).ShouldBeProblem(422, "idempotency-key-reused");
    }

    [Fact]
    public async Task A_body_that_is_no_whole_form_is_compared_as_it_came()
    {
        using var half = new MemoryStream();
        half.Write("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhalf"u8);
        var http = new DefaultHttpContext { Request = { ContentType = "multipart/form-data; boundary=b", Method = "POST" } };
        var one = await Fingerprint.OfAsync(http.Request, half);
        half.Write("!"u8);
        (await Fingerprint.OfAsync(http.Request, half)).Matches(one.Bytes).ShouldBeFalse();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upload_in_a_form_is_another_one_at_another_host(bool postgres)
    {
        await using var place = postgres ? await PostgresEdge.OpenAsync() : null;
        await using var files = await FileApp.StartAsync(place: place);
        var first = (await UploadAsync(files, "a.example", "b1")).ShouldBe(202);
        (await UploadAsync(files, "a.example", "b2")).ShouldRepeat(first);
        (await UploadAsync(files, "b.example", "b1")).ShouldBeProblem(422, "idempotency-key-reused");
    }

    private static void MapForm(IEndpointRouteBuilder app) =>
        app.MapPost("/forms", ([FromForm] long amount, IFormFile proof, UnitOfWork work) =>
            Deposits.InsertAsync(work, new Deposit(proof.FileName, amount))).DisableAntiforgery().RequireIdempotencyKey();

    private static MultipartFormDataContent Form(string boundary, string amount, string proof, string name = "a.pdf") =>
        new(boundary) { { new StringContent(amount), "amount" }, { new StringContent(proof), "proof", name } };

    private static Task<Answer> FormAsync(EdgeApp app, MultipartFormDataContent form) =>
        app.Alice.SendAsync(HttpMethod.Post, "/forms", form, default, Key);

    private static Task<Answer> UploadAsync(FileApp files, string host, string boundary)
    {
        var file = new ByteArrayContent([1, 2, 3]) { Headers = { ContentType = new MediaTypeHeaderValue("text/csv") } };
        return files.Alice.SendAsync(
            HttpMethod.Post, "/files", new MultipartFormDataContent(boundary) { { file, "file", "a.csv" } }, default, Key, ("Host", host));
    }

    private static Task<Answer> AtAsync(HttpClient client, string host) =>
        client.PostAsync("/deposits", """{"account":"savings","amount":10}""", Key, ("Host", host));
}
