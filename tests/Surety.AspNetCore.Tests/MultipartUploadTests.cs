using System.Net.Http.Headers;
using System.Text;
using static Surety.AspNetCore.Tests.FileApp;
using Surety.AspNetCore.Security;

namespace Surety.AspNetCore.Tests;

/// <summary>An upload in one request.</summary>
public sealed class MultipartUploadTests : IAsyncLifetime
{
    private FileApp files = null!;

    public async ValueTask InitializeAsync() => files = await StartAsync(o => o.MaxBytes = 1_000_000);

    public async ValueTask DisposeAsync() => await files.DisposeAsync();

    [Fact]
    public async Task A_form_with_a_file_is_a_job()
    {
        var bytes = Bytes(500_000);
        var answer = (await PostAsync(Form(bytes, ("sha256", Digest(bytes))))).ShouldBe(202);
        (answer["Retry-After"], answer.Member("kind"), answer.Member("status")).ShouldBe(("1", "file.read", "queued"));
        (await files.ReadAsync(answer)).ShouldBe($"500000 {Digest(bytes)} bücher.csv text/csv");
    }

    [Fact]
    public async Task A_form_that_is_sent_again_with_its_key_is_answered_with_the_same_job()
    {
        var first = (await PostAsync(Form(Bytes(1_000)), ("Idempotency-Key", "one"))).ShouldBe(202);
        (await PostAsync(Form(Bytes(1_000)), ("Idempotency-Key", "one"))).ShouldRepeat(first);
        (await PostAsync(Form(Bytes(1_000, seed: 2)), ("Idempotency-Key", "one"))).ShouldBeProblem(422, "idempotency-key-reused");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload WHERE state IN (2, 3)")).ShouldBe(1);
        (await PostAsync(Form(Bytes(1_000)), ("Idempotency-Key", "two"))).ShouldBe(202)["Location"].ShouldNotBe(first["Location"]);
    }

    [Fact]
    public async Task A_form_whose_client_waits_is_answered_with_what_became_of_its_file()
    {
        var bytes = Bytes(1_000);
        var answer = (await PostAsync(Form(bytes), ("Prefer", "wait=20"), ("Idempotency-Key", "waits"))).ShouldBe(200);
        answer.Text.ShouldBe($"1000 {Digest(bytes)} bücher.csv text/csv");
        (answer["Preference-Applied"], answer["Content-Location"]).ShouldBe(("wait=20", answer["Location"] + "/result"));
        (await PostAsync(Form(bytes), ("Idempotency-Key", "waits"))).ShouldBe(202)["Location"].ShouldBe(answer["Location"]);
    }

    [Fact]
    public async Task A_file_too_large_or_other_than_announced_leaves_nothing()
    {
        (await PostAsync(Form(Bytes(1_000_001)))).ShouldBeProblem(413, "payload-too-large");
        (await PostAsync(Form(Bytes(100), ("sha256", Digest(Bytes(99)))))).ShouldBeProblem(460, "digest-mismatch");
        ShouldHaveLeftNothing();
    }

    [Fact]
    public async Task A_form_that_makes_no_sense_leaves_nothing()
    {
        foreach (var form in new MultipartFormDataContent[]
        {
            new() { { new StringContent("value"), "field" } },
            Form(Bytes(10), [.. Enumerable.Range(0, 17).Select(i => ($"f{i}", "x"))]),
            Form(Bytes(10), ("long", new string('x', 2_000))),
            Form(Bytes(10), ("twice", "a"), ("twice", "b")),
        })
            (await PostAsync(form)).ShouldBeProblem(400, "malformed-body");
        var two = Form(Bytes(10));
        two.Add(new ByteArrayContent(Bytes(10)), "second", "second.csv");
        (await PostAsync(two)).ShouldBeProblem(400, "malformed-body");
        var cut = new ByteArrayContent(
            Encoding.ASCII.GetBytes("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nhalf of"));
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=b");
        (await PostAsync(cut)).ShouldBeProblem(400, "malformed-body");
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data");
        ShouldHaveLeftNothing();
    }

    [Fact]
    public async Task A_form_with_what_a_database_cannot_keep_leaves_nothing()
    {
        (await PostAsync(Form(Bytes(10), ("note", "a\0b")))).ShouldBeProblem(400, "validation").Json.GetProperty("errors").EnumerateObject()
            .ShouldHaveSingleItem().Name.ShouldBe("note");
        ShouldHaveLeftNothing();
    }

    [Fact]
    public async Task A_field_whose_name_fits_into_no_header_does_not_break_the_answers_about_its_upload()
    {
        (await PostAsync(Form(Bytes(10), ("größe, in m", "3"), ("unit", "m")))).ShouldBe(202);
        Upload? upload = null;
        await EdgeApp.UntilAsync(() => Task.FromResult((upload = files.App.Get<ReadFiles>().Seen.FirstOrDefault()) is not null));
        upload!.Metadata["größe, in m"].ShouldBe("3");
        var told = (await files.HeadAsync($"/files/{upload.Id}")).ShouldBe(200)["Upload-Metadata"].ShouldNotBeNull();
        told.ShouldStartWith($"unit {Base64("m")}");
        told.ShouldNotContain("in m");
    }

    private static MultipartFormDataContent Form(byte[] bytes, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, value) in fields) form.Add(new StringContent(value), name);
        var file = new ByteArrayContent(bytes) { Headers = { ContentType = new("text/csv") } };
        form.Add(file, "file", "bücher.csv");
        return form;
    }

    private Task<Answer> PostAsync(HttpContent content, params (string, string)[] headers) =>
        files.Alice.SendAsync(HttpMethod.Post, "/files", content, default, headers);

    private void ShouldHaveLeftNothing()
    {
        files.Blobs.ShouldBeEmpty();
        files.App.ScalarAsync("SELECT count(*) FROM surety_message").Result.ShouldBe(0);
        files.App.ScalarAsync("SELECT count(*) FROM surety_upload WHERE state IN (1, 2)").Result.ShouldBe(0);
    }
}
