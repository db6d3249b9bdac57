using System.Globalization;

namespace Surety.AspNetCore.Tests;

public class PagingTests
{
    private readonly ShiftedTime clock = new();

    [Fact]
    public async Task A_list_is_read_to_its_end_by_following_its_links()
    {
        await using var app = await StartAsync();
        var seen = new List<int>();
        var pages = 0;
        for (string? next = "/numbers/ten?pageSize=4&filter=a%20b%26c"; next is not null; pages++)
        {
            var page = (await app.Alice.FetchAsync(next)).ShouldBe(200);
            seen.AddRange(Items(page));
            var token = page.Member("nextPageToken");
            next = page["Link"]?.Split('<', '>')[1];
            if (next is null) token.ShouldBe("");
            else
            {
                page["Link"].ShouldEndWith(">; rel=\"next\"");
                next.ShouldStartWith("/numbers/ten?pageSize=4&filter=a%20b%26c&pageToken=");
                next.ShouldEndWith(token!);
            }
        }

        seen.ShouldBe(Enumerable.Range(1, 10));
        pages.ShouldBe(3);
    }

    [Fact]
    public async Task A_token_that_was_changed_anywhere_is_refused()
    {
        await using var app = await StartAsync();
        var token = await TokenAsync(app.Alice);
        (await app.Alice.FetchAsync($"/numbers/ten?pageToken={token}")).ShouldBe(200);
        for (var i = 0; i < token.Length; i++)
        {
            // Another character whose first bit differs: the last one may carry bits that mean nothing.
            var other = token[i] is >= 'A' and <= 'Z' or >= 'a' and <= 'f' ? '_' : 'A';
            (await app.Alice.FetchAsync($"/numbers/ten?pageToken={token[..i]}{other}{token[(i + 1)..]}"))
                .ShouldBeProblem(400, "cursor-invalid");
        }

        foreach (var wrong in new[] { "", "x", "4", "-1", token[..^2], token
            + "AA", new string('A', 5_000), Uri.EscapeDataString("\" OR 1=1") })
            (await app.Alice.FetchAsync($"/numbers/ten?pageToken={wrong}")).ShouldBeProblem(400, "cursor-invalid");
        (await app.Alice.FetchAsync("/numbers/ten?pageToken=%00")).ShouldBeProblem(400, "validation");
    }

    [Fact]
    public async Task A_token_holds_for_its_caller_its_list_and_its_filter_only()
    {
        await using var app = await StartAsync();
        var token = await TokenAsync(app.Alice, "filter=odd&sort=up");
        Items((await app.Alice.FetchAsync($"/numbers/ten?sort=up&filter=odd&pageSize=9&pageToken={token}")).ShouldBe(200))
            .ShouldBe(Enumerable.Range(4, 7));
        foreach (var other in new[] { "/numbers/ten?filter=odd", "/numbers/ten?filter=even&sort=up",
            "/numbers/ten?filter=odd&sort=up&more=1", "/numbers/six?filter=odd&sort=up" })
            (await app.Alice.FetchAsync($"{other}&pageToken={token}")).ShouldBeProblem(400, "cursor-invalid");
        (await (await app.ClientAsync("bob")).FetchAsync($"/numbers/ten?filter=odd&sort=up&pageToken={token}"))
            .ShouldBeProblem(400, "cursor-invalid");
        await using var elsewhere = await StartAsync();
        (await elsewhere.Alice.FetchAsync($"/numbers/ten?filter=odd&sort=up&pageToken={token}")).ShouldBeProblem(400, "cursor-invalid");
    }

    [Fact]
    public async Task A_token_is_good_for_a_day()
    {
        await using var app = await StartAsync();
        var token = await TokenAsync(app.Alice);
        clock.Advance(TimeSpan.FromHours(23));
        (await app.Alice.FetchAsync($"/numbers/ten?pageToken={token}")).ShouldBe(200);
        clock.Advance(TimeSpan.FromHours(2));
        (await app.Alice.FetchAsync($"/numbers/ten?pageToken={token}")).ShouldBeProblem(400, "cursor-invalid");
    }

    private static async Task<string> TokenAsync(HttpClient client, string query = "") =>
        (await client.FetchAsync($"/numbers/ten?pageSize=3&{query}")).ShouldBe(200).Member("nextPageToken")!;

    private static IEnumerable<int> Items(Answer page) => page.Json.GetProperty("items").EnumerateArray().Select(i => i.GetInt32());

    private Task<EdgeApp> StartAsync() => EdgeApp.StartAsync(
        host => host.MapGet("/numbers/{set}", (string set, string? pageToken, HttpContext http, int pageSize = 50) =>
        {
            if (Paging.Read(http, pageToken, out var after) is { } refusal) return refusal;
            var last = after is null ? 0 : int.Parse(after, CultureInfo.InvariantCulture);
            var rows = Enumerable.Range(1, set == "ten" ? 10 : 6).Where(n => n > last).Take(pageSize + 1).ToList();
            var page = rows.Take(pageSize).ToList();
            return Paging.Page(http, page, rows.Count > pageSize ? page[^1].ToString(CultureInfo.InvariantCulture) : null);
        }),
        configure: b => b.Services.AddSingleton<TimeProvider>(clock));
}
