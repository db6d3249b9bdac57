using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>
/// A running backend with its provider, and the few sentences tests say to it. One a class: the tests of a class use accounts of their own.
/// </summary>
public class Backend : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private int keys;
    private Rig? rig;

    private protected virtual RigOptions Options => new();

    internal Rig Rig => rig!;

    public async ValueTask InitializeAsync() => rig = await Rig.StartAsync(Programs.Find(), Options, default);

    public async ValueTask DisposeAsync()
    {
        // Without one, its start has failed, and said why.
        if (rig is not null) await rig.DisposeAsync();
    }

    public Task<Reply> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), headers);

    public Task<Reply> DeleteAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Delete, path));

    /// <summary>Posts with the given idempotency key, or with a new one.</summary>
    public Task<Reply> PostAsync(string path, object body, string? key = null) =>
        PostTextAsync(path, JsonSerializer.Serialize(body), ("Idempotency-Key", key ?? NewKey()));

    public Task<Reply> PostTextAsync(string path, string body, params (string Name, string Value)[] headers) =>
        SendAsync(
            new HttpRequestMessage(HttpMethod.Post, path)
            {
                Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
                // Whoever sends on after the server has refused and closed may lose the answer.
                Headers = { ExpectContinue = body.Length > 100_000 },
            },
            headers);

    public async Task<Reply> SendAsync(HttpRequestMessage request, params (string Name, string Value)[] headers)
    {
        using (request)
        {
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            using var response = await Rig.Payments.SendAsync(request);
            var found = response.Headers.Concat(response.Content.Headers).ToDictionary(
                h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase);
            var reply = new Reply((int)response.StatusCode, found, await response.Content.ReadAsStringAsync());
            DeclaredAnswers.Fault(request.Method.Method, response.RequestMessage!.RequestUri!.AbsolutePath, reply).ShouldBeNull();
            return reply;
        }
    }

    public string NewKey() => string.Create(CultureInfo.InvariantCulture, $"key-{Interlocked.Increment(ref keys)}");

    /// <summary>A new account that holds so much.</summary>
    public async Task<string> AccountAsync(long holds = 0, string currency = "EUR", long overdraft = 0)
    {
        var id = (await PostAsync("/accounts", new { owner = "somebody", currency, overdraftLimit = Text(overdraft) })).ShouldBe(
            201)["id"]!;
        if (holds > 0) (await DepositAsync(id, holds)).ShouldBe(201);
        return id;
    }

    public Task<Reply> DepositAsync(string account, long amount, string? key = null) =>
        PostAsync("/deposits", new { account, amount = Text(amount), reference = "a deposit" }, key);

    public Task<Reply> TransferAsync(string from, string to, long amount, string? key = null) =>
        PostAsync("/transfers", new { from, to, amount = Text(amount), reference = "a transfer" }, key);

    public Task<Reply> PayOutAsync(string account, long amount, string destination = "DE00", string? key = null) =>
        PostAsync("/payouts", new { account, amount = Text(amount), destination }, key);

    public async Task<long> BalanceAsync(string account) =>
        long.Parse((await GetAsync($"/accounts/{account}")).ShouldBe(200)["balance"]!, CultureInfo.InvariantCulture);

    public async Task<Reply> JobUntilAsync(string id, string status)
    {
        Reply? job = null;
        await UntilAsync(async () =>
            (job = await GetAsync($"/jobs/{id}?wait=1")).ShouldBe(200)["status"] == status, () => $"job {id} is not {status}: {job?.Body}");
        return job!;
    }

    public Task QuietAsync() => UntilAsync(async () => (await AuditAsync()).IsQuiet, () => "work is left over");

    internal Task<Audit> AuditAsync() => Audit.ReadAsync(Rig, default);

    public Task TroubleAsync(object plan) => Rig.TroubleAsync(plan, default);

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            if (limit.IsCancellationRequested) throw new TimeoutException($"After {Patience.TotalSeconds} s: {what()}");
            await Task.Delay(10);
        }
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The same on PostgreSQL.</summary>
public sealed class PostgresBackend : Backend
{
    private protected override RigOptions Options => new(RigOptions.Postgres);
}

/// <summary>What came back.</summary>
public sealed record Reply(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>A member of the body as text; null when it is absent or null.</summary>
    public string? this[string member] =>
        Json.TryGetProperty(member, out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public Reply ShouldBe(int status)
    {
        Status.ShouldBe(status, Body);
        return this;
    }

    /// <summary>A whole problem by RFC 9457 that tells nothing of the inside.</summary>
    public Reply ShouldBeProblem(int status, string code)
    {
        Status.ShouldBe(status, Body);
        Header("Content-Type").ShouldBe("application/problem+json");
        this["code"].ShouldBe(code, Body);
        this["status"].ShouldBe(Backend.Text(status));
        this["outcome"].ShouldBe("none");
        this["type"]!.ShouldEndWith("#" + code);
        foreach (var member in new[] { "title", "detail", "instance", "traceId" })
            this[member].ShouldNotBeNullOrEmpty($"{member} of {Body}");
        foreach (var inside in new[] { "Payments.", "System.", "Microsoft.", "   at ", "SQLite", "sqlite", "Npgsql", "SQLSTATE" })
            Body.ShouldNotContain(inside, Case.Sensitive);
        return this;
    }

    /// <summary>The first request's answer again; what validation refuses is not kept, so only its trace differs.</summary>
    public void ShouldRepeat(Reply first)
    {
        Status.ShouldBe(first.Status, Body);
        if (Status == 400) return;
        Body.ShouldBe(first.Body);
        Header("Idempotent-Replayed").ShouldBe("true");
    }

    public Reply ShouldPointAt(string pointer)
    {
        Json.GetProperty("violations").EnumerateArray().Select(v => v.GetProperty("pointer").GetString()).ShouldContain(pointer, Body);
        return this;
    }
}
