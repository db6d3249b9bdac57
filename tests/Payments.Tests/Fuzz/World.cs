namespace Payments.Tests.Fuzz;

/// <summary>What is there when a batch begins, so that its requests find something: made anew for each, always the same.</summary>
internal sealed class World(int number, string host)
{
    private readonly Dictionary<string, List<string>> known = [];

    /// <summary>Keeps the idempotency keys of one batch apart from another's.</summary>
    public int Number => number;

    public string Host => host;

    public IReadOnlyList<string> Credentials { get; private set; } = [];

    public IReadOnlyList<string> EntityTags { get; private set; } = [];

    public IReadOnlyList<string> PageTokens { get; private set; } = [];

    /// <summary>
    /// Ids that may stand in this place: a path up to its variable, or the name of a member; none when nothing is known of it.
    /// </summary>
    public IReadOnlyList<string> At(string place) => known.GetValueOrDefault(place, []);

    /// <summary>Values of the same shape for a world that does not exist.</summary>
    public static World Imagined(int number = 0) =>
        new World(number, "127.0.0.1:1").With(
        ["1", "2", "3"], ["4", "5", "6"], ["7-0f3a5c7e9b1d2468", "8-0f3a5c7e9b1d2468"],
        [new('a', 40), new('b', 40)], ["0123456789ab", "0123456789ac"], ["sk_0_0", "sk_1_1", "sk_2_2"], ["\"1\"", "\"2\""], ["x", "y"]);

    public static async Task<World> MakeAsync(Backend backend, int number)
    {
        var world = new World(number, backend.Rig.Payments.BaseAddress!.Authority);
        // A caller of its own, whose uploads and jobs are no other batch's.
        var caller = (await backend.PostTextAsync("/keys", $$"""{"principal":"fuzz-{{number}}","operator":true}""")).ShouldBe(
            201)["secret"]!;
        string[] accounts = [await backend.AccountAsync(
            1_000_000), await backend.AccountAsync(500, overdraft: 1_000), await backend.AccountAsync(100, "USD")];
        var deposit = (await backend.DepositAsync(accounts[0], 1)).ShouldBe(201)["id"]!;
        var transfer = (await backend.TransferAsync(accounts[0], accounts[1], 1)).ShouldBe(201)["id"]!;
        var report = (await PostAsync(
            "/reports", $$"""{"account":"{{accounts[0]}}","from":"2026-01-01T00:00:00Z","to":"2100-01-01T00:00:00Z"}""", 202))["id"]!;
        var (shop, revoked, spare) = (await PostAsync("/keys", """{"principal":"shop"}""", 201), await PostAsync(
            "/keys", """{"principal":"shop"}""", 201), await PostAsync("/keys", """{"principal":"spare"}""", 201));
        await backend.JobUntilAsync(report, "succeeded");
        (await backend.DeleteAsync($"/keys/{revoked["prefix"]}")).ShouldBe(204);
        var tag = (await backend.GetAsync($"/accounts/{accounts[2]}")).Header("ETag")!;
        string[] uploads = [await UploadAsync("Upload-Length", "8"), await UploadAsync("Upload-Length", "8"), await UploadAsync(
            "Upload-Length", "40"), await UploadAsync("Upload-Defer-Length", "1"), await UploadAsync("Upload-Defer-Length", "1")];
        // Last, so that the first requests find them at it.
        string[] payouts = [await PayOutAsync(), await PayOutAsync(), await PayOutAsync()];
        return world.With(
            accounts,
            [deposit, transfer, accounts[0]], [report, .. payouts], uploads, [shop["prefix"]!, revoked["prefix"]!, spare["prefix"]!],
            [caller, shop["secret"]!, revoked["secret"]!], [tag, "\"1\"", "*"],
                [await PageAsync($"/accounts/{accounts[0]}/entries"), await PageAsync("/keys")]);

        async Task<Reply> PostAsync(string path, string body, int status) =>
            (await backend.PostTextAsync(path, body, ("Authorization", $"Bearer {caller}"), ("Idempotency-Key", backend.NewKey())))
                .ShouldBe(status);

        async Task<string> PayOutAsync() =>
            (await PostAsync("/payouts", $$"""{"account":"{{accounts[0]}}","amount":"1","destination":"DE00"}""", 202))["id"]!;

        async Task<string> PageAsync(string path) =>
            (await backend.GetAsync($"{path}?pageSize=1", ("Authorization", $"Bearer {caller}")))["nextPageToken"]!;

        async Task<string> UploadAsync(string length, string value) =>
            (await backend.SendAsync(
                new HttpRequestMessage(HttpMethod.Post, "/statements"), ("Authorization", $"Bearer {caller}"),
                ("Tus-Resumable", "1.0.0"), (length, value))).ShouldBe(201).Header("Location")!.Split('/')[^1];
    }

    private World With(
        string[] accounts, string[] transfers, string[] jobs, string[] uploads,
        string[] keys, string[] secrets, string[] tags, string[] pages)
    {
        foreach (var place in new[] { "/accounts/", "account", "from", "to" }) known[place] = [.. accounts];
        (known["/transfers/"], known["/jobs/"], known["/statements/"], known["/keys/"]) =
            ([.. transfers], [.. jobs], [.. uploads], [.. keys]);
        // Mostly the batch's own caller, an operator, who may do most.
        Credentials = [.. Enumerable.Repeat(secrets[0], 8).Concat(secrets).Select(s => $"Bearer {s}")];
        (EntityTags, PageTokens) = (tags, pages);
        return this;
    }
}
