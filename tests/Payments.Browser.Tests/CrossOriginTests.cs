using System.Text.Json;
using Microsoft.Playwright;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>The script of a page from elsewhere uploads a file: exactly if the host's CORS policy lets that page's origin in.</summary>
public sealed class CrossOriginTests(Chromium chromium) : IClassFixture<Chromium>
{
    private const string Upload =
        """
        endpoint => new Promise(done => {
            const offsets = [];
            let job = null;
            const file = new Blob(['reference,from,to,amount\n' + 'x'.repeat(250000) + '\n']);
            const upload = new tus.Upload(file, {
                endpoint,
                headers: { Authorization: 'Bearer dev' },
                metadata: { filename: 'payments.csv', filetype: 'text/csv' },
                chunkSize: 100000,
                retryDelays: null,
                onAfterResponse: (request, response) => {
                    if (request.getMethod() === 'PATCH') offsets.push(Number(response.getHeader('Upload-Offset')));
                    job = response.getHeader('Link') || job;
                },
                onError: error => done(JSON.stringify({ error: String(error), offsets })),
                onSuccess: () => done(JSON.stringify({ url: upload.url, job, offsets })),
            });
            upload.start();
        })
        """;

    [Fact]
    public async Task A_page_that_the_host_lets_in_uploads_in_chunks_and_reads_where_its_job_is()
    {
        await using var pages = new PageServer(Ports.Free());
        await using var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(
            Environment: _ => new Dictionary<string, string> { ["Cors__Origins__0"] = pages.Origin }), default);
        var told = await UploadAsync(pages, rig);
        told.TryGetProperty("error", out var error).ShouldBeFalse(error.ToString());
        told.GetProperty("offsets").EnumerateArray().Select(o => o.GetInt64()).ShouldBe([100_000, 200_000, 250_026]);
        told.GetProperty("url").GetString().ShouldNotBeNull().ShouldStartWith($"{rig.Payments.BaseAddress}statements/");
        var job = told.GetProperty("job").GetString().ShouldNotBeNull().Split('<', '>')[1];
        using var found = await rig.Payments.GetAsync(job);
        ((int)found.StatusCode).ShouldBe(200);

        // One page is let in, not every page.
        await using var others = new PageServer(Ports.Free());
        (await UploadAsync(others, rig)).TryGetProperty("error", out _).ShouldBeTrue();
        (await JobsAsync(rig)).ShouldBe(1);
    }

    [Fact]
    public async Task A_page_from_elsewhere_does_nothing_here_by_default()
    {
        await using var pages = new PageServer(Ports.Free());
        await using var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(), default);
        var told = await UploadAsync(pages, rig);
        told.GetProperty("error").GetString().ShouldNotBeNullOrEmpty();
        told.GetProperty("offsets").GetArrayLength().ShouldBe(0);
        (await JobsAsync(rig)).ShouldBe(0);
    }

    private async Task<JsonElement> UploadAsync(PageServer pages, Rig rig)
    {
        await using var context = await chromium.Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(pages.Address.ToString(), new PageGotoOptions { Timeout = 30_000 });
        return JsonDocument.Parse(await page.EvaluateAsync<string>(Upload, $"{rig.Payments.BaseAddress}statements")).RootElement;
    }

    private static async Task<int> JobsAsync(Rig rig) =>
        JsonDocument.Parse(await rig.Payments.GetStringAsync("/jobs?pageSize=100")).RootElement.GetProperty("items").GetArrayLength();
}
