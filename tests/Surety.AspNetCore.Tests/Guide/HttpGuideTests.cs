using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Uploads;
using Surety.Guide;
using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests.Guide;

public class HttpGuideTests
{
    [Fact]
    public async Task The_guide_does_what_it_says()
    {
        var folder = Directory.CreateTempSubdirectory("surety-guide-").FullName;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production", ContentRootPath = folder });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using (var app = Samples.Build(builder, $"Data Source={Path.Combine(folder, "guide.db")}"))
        {
            app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<EdgeOptions>>().Value.StopDelay = TimeSpan.Zero;
            await app.StartAsync();
            await using (var work = await app.Services.GetRequiredService<SuretyDatabase>().BeginAsync())
            {
                await using var command = work.Connection.CreateCommand();
                (command.Transaction, command.CommandText) = (
                    work.Transaction, $"{Stock.Table}; INSERT INTO stock (item, count) VALUES ('lamp', 5), ('chair', 2)");
                await command.ExecuteNonQueryAsync();
                await work.CommitAsync();
            }

            var keys = app.Services.GetRequiredService<ApiKeys>();
            using var client = Client(app, (await keys.CreateAsync("alice", [])).Secret);
            await OrdersAsync(client);
            await ContractAsync(client);
            await CountsAsync(client);
            await ListAsync(client);
            await ChangeAsync(client);

            using var former = Client(app, await Samples.KeysAsync(keys, default));
            (await former.FetchAsync("/jobs/1")).ShouldBe(401);
            (await client.SendAsync(HttpMethod.Delete, "/keys/abc")).ShouldBe(403);
            using var olga = Client(app, (await keys.CreateAsync("olga", ["operator"])).Secret);
            (await olga.SendAsync(HttpMethod.Delete, "/keys/abc")).ShouldBe(404).Member("code").ShouldBe("no-such-key");
            (await olga.FetchAsync("/readyz?verbose")).ShouldBe(200).Member("status").ShouldBe("ok");
            await app.StopAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_guide_to_uploads_does_what_it_says()
    {
        var folder = Directory.CreateTempSubdirectory("surety-guide-").FullName;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production", ContentRootPath = folder });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using (
            var app = Samples.BuildUploads(builder, $"Data Source={Path.Combine(folder, "guide.db")}", Path.Combine(folder, "files")))
        {
            await app.StartAsync();
            using var client = Client(app, (await app.Services.GetRequiredService<ApiKeys>().CreateAsync("alice", [])).Secret);
            using var file = new StringContent("a\nb\nc\n", System.Text.Encoding.UTF8, "text/csv");
            using var form = new MultipartFormDataContent { { file, "file", "three.csv" } };
            var job = (await client.SendAsync(HttpMethod.Post, "/files", form, default)).ShouldBe(202)["Location"]!;
            (await client.FetchAsync(job + "?wait=20")).Member("status").ShouldBe("succeeded");
            (await client.FetchAsync(job + "/result")).ShouldBe(200).Text.ShouldBe("""{"lines":3}""");
            await app.StopAsync();
        }

        Directory.Delete(folder, recursive: true);
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs/guide/uploads.md"));
        typeof(UploadOptions).GetProperties().Select(p => p.Name).Where(name => !page.Contains($"`{name}`", StringComparison.Ordinal))
            .ShouldBeEmpty();
    }

    [Fact]
    public void Every_code_of_a_problem_and_every_option_is_explained()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs/guide/http.md"));
        var codes = typeof(ProblemCodes).GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!).ToList();
        codes.ShouldContain("idempotency-key-reused");
        codes.Where(code => !page.Contains($"`{code}`", StringComparison.Ordinal)).ShouldBeEmpty();
        typeof(EdgeOptions).GetProperties().Select(p => p.Name).Where(name => !page.Contains(name, StringComparison.Ordinal))
            .ShouldBeEmpty();
    }

    private static async Task ContractAsync(HttpClient client)
    {
        var document = (await client.FetchAsync("/openapi/v1.json")).ShouldBe(200).Json;
        document.GetProperty("info").GetProperty("title").GetString().ShouldBe("Shop");
        document.GetProperty("tags").EnumerateArray().First().GetProperty("description").GetString().ShouldBe("What customers want.");
        document.GetProperty("paths").GetProperty("/orders/{id}").GetProperty("get").GetProperty("responses").GetProperty("404")
            .GetProperty("description").GetString()!.ShouldContain("no-such-order");
        (await client.FetchAsync("/orders/9")).ShouldBe(404).Member("code").ShouldBe("no-such-order");
        new SkuAttribute().IsValid("1234567").ShouldBeFalse();
    }

    private static async Task OrdersAsync(HttpClient client)
    {
        const string three = """{"item":"lamp","count":3}""";
        var first = (await client.PostAsync("/orders", three, ("Idempotency-Key", "o-1"))).ShouldBe(201);
        (await client.PostAsync("/orders", three, ("Idempotency-Key", "o-1"))).ShouldRepeat(first);
        var refused = (await client.PostAsync("/orders", three, ("Idempotency-Key", "o-2"))).ShouldBe(422);
        refused.Member("type").ShouldBe("https://shop.example/problems#out-of-stock");
        (await client.PostAsync("/orders", three, ("Idempotency-Key", "o-2"))).ShouldRepeat(refused);
        (await client.PostAsync("/orders", """{"item":"lamp","count":0}""", ("Idempotency-Key", "o-3")))
            .ShouldBe(400).Text.ShouldContain("\"pointer\":\"#/count\"");
    }

    private static async Task CountsAsync(HttpClient client)
    {
        var job = (await client.PostAsync("/counts", """{"item":"lamp"}""")).ShouldBe(202)["Location"]!;
        (await client.FetchAsync(job + "?wait=20")).Member("status").ShouldBe("succeeded");
        (await client.FetchAsync(job + "/result")).ShouldBe(200).Text.ShouldBe("""{"left":2}""");
        job = (await client.PostAsync("/orders/checked", """{"item":"lamp","count":2}""", ("Idempotency-Key", "o-4")))
            .ShouldBe(202)["Location"]!;
        (await client.FetchAsync(job + "?wait=20")).Member("status").ShouldBe("succeeded");
        (await client.FetchAsync(job + "/result")).ShouldBe(200).Text.ShouldBe("""{"left":0}""");
    }

    private static async Task ListAsync(HttpClient client)
    {
        var page = (await client.FetchAsync("/stock?pageSize=1")).ShouldBe(200);
        page.Json.GetProperty("items").EnumerateArray().Single().GetString().ShouldBe("chair");
        page = (await client.FetchAsync(page["Link"]!.Split('<', '>')[1])).ShouldBe(200);
        page.Text.ShouldBe("""{"items":["lamp"],"nextPageToken":null}""");
        (await client.FetchAsync("/stock?pageToken=lamp")).ShouldBe(400).Member("code").ShouldBe("cursor-invalid");
        (await client.FetchAsync("/stock?pageSize=0")).ShouldBe(400).Member("code").ShouldBe("validation");
    }

    private static async Task ChangeAsync(HttpClient client)
    {
        var seen = (await client.FetchAsync("/stock/chair")).ShouldBe(200)["ETag"]!;
        (await client.FetchAsync("/stock/chair", ("If-None-Match", seen))).ShouldBe(304);
        (await client.SendAsync(HttpMethod.Put, "/stock/chair", """{"count":7}""")).ShouldBe(428);
        var changed = (await client.SendAsync(HttpMethod.Put, "/stock/chair", """{"count":7}""", ("If-Match", seen))).ShouldBe(200);
        changed["ETag"].ShouldBe("\"2\"");
        (await client.SendAsync(HttpMethod.Put, "/stock/chair", """{"count":8}""", ("If-Match", seen))).ShouldBe(412).Member("code")
            .ShouldBe("precondition-failed");
        (await client.FetchAsync("/stock/chair")).Member("count").ShouldBe("7");
    }

    private static HttpClient Client(WebApplication app, string key) =>
        new() { BaseAddress = new Uri(app.Urls.First()), DefaultRequestHeaders = { Authorization = new("Bearer", key) } };
}
