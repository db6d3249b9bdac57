using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

public class ApiKeyTests
{
    [Fact]
    public async Task A_new_key_works_at_once_and_says_who_calls()
    {
        await using var app = await StartAsync();
        var key = await app.Get<ApiKeys>().CreateAsync("alice", ["reports"]);
        key.Secret.ShouldMatch("^sk_[0-9a-f]{12}_[0-9a-f]{64}$");
        key.Secret.ShouldContain(key.Prefix);
        key.ToString().ShouldNotContain(key.Secret[^64..]);
        (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("alice: reports");
    }

    [Fact]
    public async Task A_key_that_expires_at_the_end_of_time_never_expires()
    {
        foreach (var postgres in (bool[])[false, true])
        {
            await using var place = postgres ? await PostgresEdge.OpenAsync() : null;
            await using var app = await EdgeApp.StartAsync(Map, place: place);
            var keys = app.Get<ApiKeys>();
            var key = await keys.CreateAsync("alice", ["reports"], DateTimeOffset.MaxValue);
            (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(200);
            (await keys.FindAsync(key.Prefix)).ShouldNotBeNull().ExpiresAt.ShouldBeNull();
            var next = (await keys.RotateAsync(key.Prefix, TimeSpan.FromDays(1), DateTimeOffset.MaxValue)).ShouldNotBeNull();
            foreach (var secret in (string[])[key.Secret, next.Secret]) (await app.Client(secret).FetchAsync("/me")).ShouldBe(200);
        }
    }

    [Fact]
    public async Task Whatever_is_wrong_with_a_key_the_answer_is_the_same()
    {
        var clock = new ShiftedTime();
        await using var app = await StartAsync(clock);
        var keys = app.Get<ApiKeys>();
        var good = (await keys.CreateAsync("alice", [])).Secret;
        var revoked = await keys.CreateAsync("alice", []);
        (await keys.RevokeAsync(revoked.Prefix)).ShouldBeTrue();
        var expired = (await keys.CreateAsync("alice", [], clock.GetUtcNow().AddMinutes(1))).Secret;
        clock.Advance(TimeSpan.FromMinutes(1));

        var wrong = new[]
        {
            revoked.Secret, expired, good[..^1], good
                + "0", good.ToUpperInvariant(), good[..^1] + (good[^1] == '0'
                ? '1' : '0'), $"sk_{new string('0', 12)}_{new string('0', 64)}",
            "sk_", "sk__", "sk_x", $"sk_{good[3..15]}_", "sk_' OR 1=1 --_x", $"sk_{new string('a', 8_000)}_b", "eyJhbGciOiJub25lIn0.e30.",
                "dev",
        };
        foreach (var key in wrong)
        {
            var answer = await app.Client().FetchAsync("/me", ("Authorization", $"Bearer {key}"));
            answer.ShouldBeProblem(401, "unauthenticated");
            answer["WWW-Authenticate"].ShouldBe("Bearer realm=\"surety\", error=\"invalid_token\"");
            answer.Text.Replace(answer.Member("traceId")!, "", StringComparison.Ordinal).ShouldBe(
                """
                {"type":"https://surety.example/problems#unauthenticated","title":"Authentication is required","status":401,
                "detail":"Send an API key or another credential this server takes in the Authorization header.",
                "instance":"/me","code":"unauthenticated","traceId":"","outcome":"none"}
                """.ReplaceLineEndings(""));
        }

        (await app.Client(good).FetchAsync("/me")).ShouldBe(200);
    }

    [Fact]
    public async Task Without_a_key_there_is_only_what_is_open_to_all()
    {
        await using var app = await StartAsync();
        var nobody = app.Client();
        (await nobody.FetchAsync("/me")).ShouldBeProblem(401, "unauthenticated")["WWW-Authenticate"].ShouldBe("Bearer realm=\"surety\"");
        (await nobody.FetchAsync("/open")).ShouldBe(200);
        (await nobody.FetchAsync("/open", ("Authorization", "Bearer sk_wrong"))).ShouldBe(200);
        (await nobody.FetchAsync("/me", ("Authorization", "Basic YWxpY2U6c2VjcmV0"))).ShouldBeProblem(401, "unauthenticated");
        (await nobody.FetchAsync("/me", ("Authorization", "Bearer"))).ShouldBeProblem(401, "unauthenticated");
        (await nobody.FetchAsync("/me", ("Authorization", ""))).ShouldBeProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task A_key_may_do_what_its_scopes_say()
    {
        await using var app = await StartAsync();
        (await app.Alice.FetchAsync("/operators")).ShouldBeProblem(403, "forbidden");
        (await (await app.ClientAsync("olga", "reports", "operator")).FetchAsync("/operators")).ShouldBe(200);
        (await (await app.ClientAsync("oleg", "operators", "Operator")).FetchAsync("/operators")).ShouldBeProblem(403, "forbidden");
    }

    [Fact]
    public async Task A_revoked_key_stops_at_once_here_and_within_seconds_elsewhere()
    {
        var clock = new ShiftedTime();
        await using var app = await StartAsync(clock);
        var here = await app.Get<ApiKeys>().CreateAsync("alice", []);
        var elsewhere = await app.Get<ApiKeys>().CreateAsync("alice", []);
        foreach (var key in new[] { here, elsewhere }) (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(200);

        (await app.Get<ApiKeys>().RevokeAsync(here.Prefix)).ShouldBeTrue();
        (await app.Client(here.Secret).FetchAsync("/me")).ShouldBe(401);
        (await app.Get<ApiKeys>().RevokeAsync(here.Prefix)).ShouldBeFalse();
        (await app.Get<ApiKeys>().RevokeAsync("nothing")).ShouldBeFalse();

        // As another process would, past this one's memory.
        await app.Get<IApiKeyStore>().RevokeAsync(elsewhere.Prefix, default);
        clock.Advance(TimeSpan.FromSeconds(6));
        (await app.Client(elsewhere.Secret).FetchAsync("/me")).ShouldBe(401);
    }

    [Fact]
    public async Task A_key_that_has_ended_works_never_again_though_the_clock_is_set_back()
    {
        var clock = new ShiftedTime();
        await using var app = await StartAsync(clock);
        var keys = app.Get<ApiKeys>();
        var (revoked, replaced, expired) = (
            await keys.CreateAsync("alice", []), await keys.CreateAsync("alice", []),
            await keys.CreateAsync("alice", [], clock.GetUtcNow().AddMinutes(1)));
        foreach (var key in new[] { revoked, replaced, expired }) (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(200);
        (await keys.RevokeAsync(revoked.Prefix)).ShouldBeTrue();
        (await keys.RotateAsync(replaced.Prefix, TimeSpan.Zero, null)).ShouldNotBeNull();
        clock.Advance(TimeSpan.FromMinutes(1));
        (await app.Client(expired.Secret).FetchAsync("/me")).ShouldBe(401);

        clock.Jump(-TimeSpan.FromHours(1));
        foreach (var key in new[] { revoked, replaced, expired }) (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(401);
        // Neither does what is remembered of them let them in, once it is old.
        clock.Advance(ApiKeyCache.Freshness);
        foreach (var key in new[] { revoked, replaced, expired }) (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(401);
    }

    /// <summary>The store says how long a key works. A node measures that; what its own wall clock shows is not asked.</summary>
    [Fact]
    public async Task A_nodes_own_clock_ends_no_key_and_lets_none_work_longer()
    {
        var clock = new ShiftedTime();
        var now = clock.GetUtcNow();
        var records = new Dictionary<string, ApiKeyRecord>
        {
            // An hour ahead of this node, the store has these ended at a time that is yet to come here.
            ["0a"] = Record("0a") with { RevokedAt = now.AddHours(1), EndsIn = TimeSpan.Zero },
            ["0b"] = Record("0b") with { ExpiresAt = now.AddHours(1), EndsIn = TimeSpan.Zero },
            ["0c"] = Record("0c") with { ExpiresAt = now.AddHours(1), EndsIn = TimeSpan.FromSeconds(3) },
            // An hour behind it, this one works, though its time is over here.
            ["0d"] = Record("0d") with { ExpiresAt = now.AddHours(-1), EndsIn = TimeSpan.FromMinutes(1) },
        };
        var cache = new ApiKeyCache(new ScriptedKeys { Found = prefix => Task.FromResult<ApiKeyRecord?>(records[prefix]) }, clock);
        (await WorkingAsync()).ShouldBe(["0c", "0d"]);
        // Within what is remembered, a jump changes nothing, and time that passes ends what it ends.
        clock.Jump(TimeSpan.FromDays(1));
        (await WorkingAsync()).ShouldBe(["0c", "0d"]);
        clock.Jump(-TimeSpan.FromDays(2));
        clock.Advance(TimeSpan.FromSeconds(3));
        (await WorkingAsync()).ShouldBe(["0d"]);
        cache.Known("0c").ShouldBeNull();
        cache.Known("0d").ShouldNotBeNull();
        (await cache.FindAsync("0c", evenIfOld: true, default)).ShouldBeNull();

        async Task<List<string>> WorkingAsync()
        {
            var working = new List<string>();
            foreach (var prefix in records.Keys)
                if (await cache.FindAsync(prefix, evenIfOld: false, default) is not null) working.Add(prefix);
            return working;
        }
    }

    [Fact]
    public async Task A_key_that_is_revoked_while_it_is_looked_up_is_not_remembered_as_good()
    {
        var looked = new TaskCompletionSource<ApiKeyRecord?>();
        var asked = 0;
        var cache = new ApiKeyCache(
            new ScriptedKeys { Found = _ => ++asked == 1 ? looked.Task : Task.FromResult<ApiKeyRecord?>(null) }, TimeProvider.System);
        var request = cache.FindAsync("0a", evenIfOld: false, default);
        cache.Forget("0a");
        looked.SetResult(Record("0a"));
        (await request).ShouldNotBeNull();
        (await cache.FindAsync("0a", evenIfOld: false, default)).ShouldBeNull();
    }

    [Fact]
    public async Task Prefixes_that_somebody_makes_up_do_not_push_out_a_key_that_exists()
    {
        var cache = new ApiKeyCache(
            new ScriptedKeys { Found = prefix => Task.FromResult(prefix == "0a" ? Record("0a") : null) }, TimeProvider.System);
        await cache.FindAsync("0a", evenIfOld: false, default);
        for (var i = 0; i < 10_000; i++) await cache.FindAsync($"made-up-{i}", evenIfOld: false, default);
        cache.Known("0a").ShouldNotBeNull();
    }

    private static ApiKeyRecord Record(string prefix) =>
        new() { Prefix = prefix, Digest = new byte[32], Principal = "alice", Scopes = [], CreatedAt = DateTimeOffset.UnixEpoch };

    [Fact]
    public async Task A_rotated_key_and_its_successor_work_side_by_side_until_the_overlap_is_over()
    {
        var clock = new ShiftedTime();
        await using var app = await StartAsync(clock);
        var keys = app.Get<ApiKeys>();
        var old = await keys.CreateAsync("alice", ["reports", "operator"]);
        var next = (await keys.RotateAsync(old.Prefix, TimeSpan.FromHours(1), clock.GetUtcNow().AddDays(90))).ShouldNotBeNull();
        next.Secret.ShouldNotBe(old.Secret);
        foreach (var key in new[] { old, next })
            (await app.Client(key.Secret).FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("alice: reports operator");

        clock.Advance(TimeSpan.FromHours(1));
        (await app.Client(old.Secret).FetchAsync("/me")).ShouldBeProblem(401, "unauthenticated");
        (await app.Client(next.Secret).FetchAsync("/me")).ShouldBe(200);
        (await keys.FindAsync(next.Prefix)).ShouldNotBeNull()
            .ShouldSatisfyAllConditions(k => k.Principal.ShouldBe("alice"), k => k.ExpiresAt.ShouldNotBeNull());
        // One that works no more has no successor, and the refusal leaves none behind.
        (await keys.RotateAsync(old.Prefix, TimeSpan.Zero, null)).ShouldBeNull();
        (await keys.RotateAsync("nothing", TimeSpan.Zero, null)).ShouldBeNull();
        (await keys.ListAsync("alice")).Count(k => k.Prefix == next.Prefix || k.Prefix == old.Prefix).ShouldBe(2);
        // Those two and the test's own.
        (await keys.ListAsync()).Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_rotation_without_an_overlap_ends_the_old_key_at_once()
    {
        await using var app = await StartAsync();
        var keys = app.Get<ApiKeys>();
        var old = await keys.CreateAsync("alice", []);
        var client = app.Client(old.Secret);
        (await client.FetchAsync("/me")).ShouldBe(200);
        var next = (await keys.RotateAsync(old.Prefix, TimeSpan.Zero, null)).ShouldNotBeNull();
        (await client.FetchAsync("/me")).ShouldBe(401);
        (await app.Client(next.Secret).FetchAsync("/me")).ShouldBe(200);
        await Should.ThrowAsync<ArgumentException>(() => keys.RotateAsync(next.Prefix, TimeSpan.FromDays(91), null));
        await Should.ThrowAsync<ArgumentException>(() => keys.RotateAsync(next.Prefix, TimeSpan.FromTicks(-1), null));
        await Should.ThrowAsync<ArgumentException>(
            () => keys.RotateAsync(next.Prefix, TimeSpan.Zero, DateTimeOffset.UtcNow.AddSeconds(-1)));
        (await app.Client(next.Secret).FetchAsync("/me")).ShouldBe(200);
    }

    [Fact]
    public async Task When_a_key_was_used_last_is_noted_in_one_write_for_many_requests_and_only_if_it_was_let_in()
    {
        var clock = new ShiftedTime();
        await using var app = await StartAsync(clock);
        var keys = app.Get<ApiKeys>();
        var (used, unused, revoked) = (
            await keys.CreateAsync("alice", []), await keys.CreateAsync("bob", []), await keys.CreateAsync("carol", []));
        await keys.RevokeAsync(revoked.Prefix);
        var client = app.Client(used.Secret);
        for (var i = 0; i < 20; i++) (await client.FetchAsync("/me")).ShouldBe(200);
        (await app.Client(revoked.Secret).FetchAsync("/me")).ShouldBe(401);
        (await app.Client(unused.Secret + "0").FetchAsync("/me")).ShouldBe(401);
        (await UsedAsync(used)).ShouldBeNull();

        await app.Get<ApiKeyUses>().WriteAsync(default);
        (await UsedAsync(used)).ShouldNotBeNull().ShouldBe(clock.GetUtcNow(), TimeSpan.FromSeconds(20));
        (await UsedAsync(unused)).ShouldBeNull();
        (await UsedAsync(revoked)).ShouldBeNull();

        clock.Advance(TimeSpan.FromHours(1));
        (await client.FetchAsync("/me")).ShouldBe(200);
        // As a stop does.
        await app.Get<ApiKeyUses>().StopAsync(default);
        (await UsedAsync(used)).ShouldNotBeNull().ShouldBe(clock.GetUtcNow(), TimeSpan.FromSeconds(20));

        async Task<DateTimeOffset?> UsedAsync(NewApiKey key) => (await keys.FindAsync(key.Prefix)).ShouldNotBeNull().UsedAt;
    }

    [Fact]
    public async Task A_use_that_could_not_be_noted_is_noted_later()
    {
        var store = new ScriptedKeys { Away = true };
        using var uses = new ApiKeyUses(
            store, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ApiKeyUses>.Instance);
        uses.Note("a");
        uses.Note("b");
        await uses.WriteAsync(default);
        store.Away = false;
        await uses.WriteAsync(default);
        await uses.WriteAsync(default);
        store.Noted.Order().ShouldBe(["a", "b"]);
    }

    [Fact]
    public async Task Keys_are_listed_without_what_they_are()
    {
        await using var app = await StartAsync();
        var until = DateTimeOffset.FromUnixTimeSeconds(DateTimeOffset.UtcNow.ToUnixTimeSeconds()).AddDays(1);
        var key = await app.Get<ApiKeys>().CreateAsync("bob", ["a", "b"], until);
        await app.Get<ApiKeys>().RevokeAsync(key.Prefix);
        var listed = (await app.Get<ApiKeys>().ListAsync()).Where(k => k.Principal == "bob").ShouldHaveSingleItem();
        listed.Prefix.ShouldBe(key.Prefix);
        listed.Scopes.ShouldBe(["a", "b"]);
        listed.ExpiresAt.ShouldBe(until);
        listed.RevokedAt.ShouldNotBeNull();
        listed.ToString().ShouldNotContain(key.Secret[^64..]);
    }

    [Fact]
    public async Task No_key_is_ever_stored_or_logged()
    {
        await using var app = await StartAsync();
        var key = await app.Get<ApiKeys>().CreateAsync("alice", ["operator"]);
        var client = app.Client(key.Secret);
        await client.FetchAsync("/me");
        await client.FetchAsync("/nowhere");
        await client.FetchAsync("/fails");
        await client.FetchAsync("/readyz?verbose");
        await client.DepositAsync("k", amount: 0);
        await app.Client(key.Secret + "0").FetchAsync("/me");
        await app.Client("sk_" + key.Secret).FetchAsync("/me");
        await app.Get<ApiKeys>().RevokeAsync(key.Prefix);
        await client.FetchAsync("/me");

        var secret = key.Secret[^64..];
        app.Log.Lines.ShouldContain(l => l.Contains("/fails", StringComparison.Ordinal));
        app.Log.Lines.ShouldNotContain(l => l.Contains(secret, StringComparison.Ordinal));
        foreach (var file in app.DatabaseFiles()) Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file)).ShouldNotContain(secret);
    }

    [Fact]
    public async Task A_key_whose_principal_cannot_be_stored_as_it_is_is_not_made()
    {
        await using var app = await StartAsync();
        await Should.ThrowAsync<ArgumentException>(() => app.Get<ApiKeys>().CreateAsync("ali\ud83dce", []));
    }

    [Theory]
    [InlineData("", new string[0])]
    [InlineData(" ", new string[0])]
    [InlineData("alice", new[] { "" })]
    [InlineData("alice", new[] { "ok", " " })]
    [InlineData("alice", new[] { "ok operator" })]
    [InlineData("alice", new[] { "operator " })]
    [InlineData("alice", new[] { "o\"k" })]
    [InlineData("alice", new[] { "größe" })]
    [InlineData("ali\0ce", new string[0])]
    public async Task A_key_without_a_principal_or_with_a_scope_that_is_none_is_not_made(string principal, string[] scopes)
    {
        await using var app = await StartAsync();
        await Should.ThrowAsync<ArgumentException>(() => app.Get<ApiKeys>().CreateAsync(principal, scopes));
    }

    [Fact]
    public async Task A_key_beyond_its_limits_is_not_made()
    {
        await using var app = await StartAsync();
        var keys = app.Get<ApiKeys>();
        await Should.ThrowAsync<ArgumentException>(() => keys.CreateAsync(new string('p', 256), []));
        await Should.ThrowAsync<ArgumentException>(() => keys.CreateAsync("alice", [new string('s', 101)]));
        await Should.ThrowAsync<ArgumentException>(() => keys.CreateAsync("alice", [.. Enumerable.Range(0, 33).Select(i => $"s{i}")]));
        await Should.ThrowAsync<ArgumentException>(() => keys.CreateAsync("alice", [], DateTimeOffset.UtcNow.AddSeconds(-1)));
        (await keys.ListAsync()).ShouldHaveSingleItem().Principal.ShouldBe("alice");
    }

    [Fact]
    public async Task The_development_key_works_in_development_and_is_warned_of_without_being_shown()
    {
        await using var app = await EdgeApp.StartAsync(Map, edge => edge.DevelopmentKey = "letmein42", environment: "Development");
        (await app.Client("letmein42").FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("dev: operator");
        (await app.Client("letmein43").FetchAsync("/me")).ShouldBe(401);
        app.Log.Lines.ShouldContain(l => l.StartsWith("Warning", StringComparison.Ordinal)
            && l.Contains("development API key", StringComparison.Ordinal));
        app.Log.Lines.ShouldNotContain(l => l.Contains("letmein42", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_refuses_to_start_with_wrong_options_and_names_every_fault()
    {
        var faults = (await Should.ThrowAsync<OptionsValidationException>(() => EdgeApp.StartAsync(Map, edge =>
        {
            (edge.DevelopmentKey, edge.ProblemBase, edge.MaxBodyBytes, edge.MaxAnswerBytes) = (
                "a secret", new Uri("/problems", UriKind.Relative), 1, int.MaxValue);
            (edge.KeepAnswers, edge.CommandTimeout, edge.MaxJsonDepth, edge.MaxWaiting, edge.StopDelay) = (
                TimeSpan.Zero, TimeSpan.FromHours(1), 65, -1, TimeSpan.FromHours(1));
        }))).Failures.ToList();
        faults.Count.ShouldBe(10);
        foreach (var name in new[] { "DevelopmentKey is set in the environment \"Production\"", "without spaces", "ProblemBase",
            "MaxBodyBytes", "MaxAnswerBytes", "KeepAnswers", "CommandTimeout", "MaxJsonDepth", "MaxWaiting", "StopDelay" })
            faults.ShouldContain(f => f.Contains(name, StringComparison.Ordinal));
        string.Concat(faults).ShouldNotContain("a secret");
    }

    [Fact]
    public void A_host_that_forgot_a_call_or_made_it_twice_is_told_which()
    {
        var twice = WebApplication.CreateBuilder();
        twice.Services.AddSuretyEdge();
        Should.Throw<InvalidOperationException>(() => twice.Services.AddSuretyEdge()).Message.ShouldContain(
            "AddSuretyEdge was called twice");
        Should.Throw<InvalidOperationException>(() => twice.Build().MapSurety()).Message.ShouldBe(
            "MapSurety() needs builder.AddSurety(…), which was not called on this host.");

        var without = WebApplication.CreateBuilder();
        without.AddSurety(s => s.UseSqlite("Data Source=never-opened.db"));
        Should.Throw<InvalidOperationException>(() => without.Build().MapSurety()).Message.ShouldBe(
            "MapSurety() needs builder.Services.AddSuretyEdge(), which was not called on this host.");
    }

    [Fact]
    public async Task A_hosts_own_scheme_works_beside_API_keys_and_its_callers_have_idempotency_keys_of_their_own()
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                Map(host);
                new Deposits().Map(host);
            },
            configure: b => b.Services.AddAuthentication("Badge").AddScheme<AuthenticationSchemeOptions, Badge>("Badge", null));
        var nobody = app.Client();
        (await nobody.FetchAsync("/me", ("Badge", "carol"))).ShouldBe(200).Text.ShouldBe("carol: ");
        (await app.Alice.FetchAsync("/me")).ShouldBe(200).Text.ShouldBe("alice: ");
        (await app.Alice.FetchAsync("/me", ("Badge", "carol"))).ShouldBe(200).Text.ShouldBe("alice: ");
        (await nobody.FetchAsync("/me", ("Badge", "carol"), ("Authorization", "Bearer sk_wrong"))).ShouldBeProblem(401, "unauthenticated");
        (await nobody.FetchAsync("/me")).ShouldBeProblem(401, "unauthenticated");
        var carols = (await nobody.PostAsync("/deposits", """{"account":"a","amount":1}""", ("Badge", "carol"), ("Idempotency-Key", "k")))
            .ShouldBe(201);
        (await nobody.PostAsync("/deposits", """{"account":"a","amount":1}""", ("Badge", ""), ("Idempotency-Key", "k")))
            .ShouldBeProblem(500, "internal-error");
        app.Log.Lines.ShouldContain(l => l.Contains("(by Badge) but has no name identifier", StringComparison.Ordinal));
        (await nobody.PostAsync("/deposits", """{"account":"a","amount":1}""", ("Badge", "dave"), ("Idempotency-Key", "k")))
            .ShouldBe(201).Text.ShouldNotBe(carols.Text);
    }

    private static Task<EdgeApp> StartAsync(TimeProvider? clock = null) => EdgeApp.StartAsync(Map, configure: b =>
    {
        if (clock is not null) b.Services.AddSingleton(clock);
    });

    private static void Map(WebApplication app)
    {
        app.MapGet("/me", (ClaimsPrincipal user) => $"{user.Principal()}: {string.Join(' ', user.FindAll("scope").Select(c => c.Value))}");
        app.MapGet("/open", () => "open").AllowAnonymous();
        app.MapGet("/operators", () => "operators").RequireAuthorization("operator");
        app.MapGet("/fails", IResult () => throw new InvalidOperationException("…"));
    }

    private sealed class Badge(
        IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, System.Text.Encodings.Web.UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers["Badge"] is [{ } name]
            ? AuthenticateResult.Success(
                new AuthenticationTicket(
                    new ClaimsPrincipal(new ClaimsIdentity([new System.Security.Claims.Claim("sub", name)], "Badge")), "Badge"))
            : AuthenticateResult.NoResult());
    }
    private sealed class ScriptedKeys : IApiKeyStore
    {
        public bool Away { get; set; }

        public List<string> Noted { get; } = [];

        public ValueTask NoteUsesAsync(IReadOnlyDictionary<string, DateTimeOffset> uses, CancellationToken cancel)
        {
            if (Away) throw new StoreException("away", isTransient: true);
            Noted.AddRange(uses.Keys);
            return default;
        }

        public Func<string, Task<ApiKeyRecord?>> Found { get; init; } = _ => throw new NotSupportedException();

        public ValueTask AddAsync(ApiKeyRecord key, CancellationToken cancel) => throw new NotSupportedException();

        public async ValueTask<ApiKeyRecord?> FindAsync(string prefix, CancellationToken cancel) => await Found(prefix);

        public ValueTask<IReadOnlyList<ApiKeyRecord>> ListAsync(string? principal, string? after, int limit, CancellationToken cancel) =>
            throw new NotSupportedException();

        public ValueTask<bool> RevokeAsync(string prefix, CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<bool> RotateAsync(string prefix, ApiKeyRecord successor, TimeSpan overlap, CancellationToken cancel) =>
            throw new NotSupportedException();

        public ValueTask<int> EndExpiredAsync(CancellationToken cancel) => throw new NotSupportedException();

        public ValueTask<int> PruneAsync(TimeSpan keepFor, int limit, CancellationToken cancel) => throw new NotSupportedException();
    }
}
