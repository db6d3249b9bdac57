using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class ApiKeyContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_key_is_found_by_its_prefix_as_it_was_added()
    {
        var added = Key("sk_1") with { Scopes = ["read", "wrïte"], ExpiresAt = Clock.Now + TimeSpan.FromDays(1) };
        await Store.ApiKeys.AddAsync(added, default);
        var found = (await FindAsync("sk_1")).ShouldNotBeNull();
        found.ShouldSatisfyAllConditions(
            k => k.Digest.ToArray().ShouldBe(added.Digest.ToArray()),
                k => k.Principal.ShouldBe("tenant-1"), k => k.Scopes.ShouldBe(added.Scopes), k => k.CreatedAt.ShouldBe(Clock.Now),
            k => k.ExpiresAt.ShouldBe(added.ExpiresAt), k => k.RevokedAt.ShouldBeNull());
        (await FindAsync("sk_2")).ShouldBeNull();
    }

    [Fact]
    public async Task A_prefix_is_given_once()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Should.ThrowAsync<StoreException>(
            async () => await Store.ApiKeys.AddAsync(Key("sk_1") with { Principal = "intruder" }, default));
        (await FindAsync("sk_1")).ShouldNotBeNull().Principal.ShouldBe("tenant-1");
    }

    [Fact]
    public async Task A_revoked_key_is_found_as_revoked_for_ever()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        (await Store.ApiKeys.RevokeAsync("sk_1", default)).ShouldBeTrue();
        var at = Clock.Now;
        Clock.Advance(TimeSpan.FromDays(1));
        (await Store.ApiKeys.RevokeAsync("sk_1", default)).ShouldBeFalse();
        (await Store.ApiKeys.RevokeAsync("sk_2", default)).ShouldBeFalse();
        (await FindAsync("sk_1")).ShouldNotBeNull().RevokedAt.ShouldBe(at);
    }

    [Fact]
    public async Task Keys_are_listed_newest_first_the_revoked_ones_too()
    {
        foreach (var prefix in new[] { "sk_b", "sk_c", "sk_a" })
        {
            await Store.ApiKeys.AddAsync(Key(prefix), default);
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await Store.ApiKeys.RevokeAsync("sk_c", default);
        (await Store.ApiKeys.ListAsync(null, null, 10, default))
            .Select(k => (k.Prefix, k.RevokedAt is not null)).ShouldBe([("sk_a", false), ("sk_c", true), ("sk_b", false)]);
    }

    [Fact]
    public async Task Keys_are_listed_page_by_page_and_for_one_principal()
    {
        foreach (var number in Enumerable.Range(1, 5))
        {
            await Store.ApiKeys.AddAsync(Key($"sk_{number}") with { Principal = number % 2 == 0 ? "even" : "odd" }, default);
            // Two are of the same moment: a page may end between them.
            if (number != 3) Clock.Advance(TimeSpan.FromSeconds(1));
        }

        (await PageAsync(null, null)).ShouldBe(["sk_5", "sk_4"]);
        (await PageAsync(null, "sk_4")).ShouldBe(["sk_3", "sk_2"]);
        (await PageAsync(null, "sk_2")).ShouldBe(["sk_1"]);
        (await PageAsync(null, "sk_1")).ShouldBeEmpty();
        (await PageAsync("odd", null)).ShouldBe(["sk_5", "sk_3"]);
        (await PageAsync("odd", "sk_3")).ShouldBe(["sk_1"]);
        (await PageAsync("nobody", null)).ShouldBeEmpty();
        (await PageAsync(null, "sk_none")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_rotated_key_ends_when_its_overlap_is_over_and_no_later_than_it_would_have()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Store.ApiKeys.AddAsync(Key("sk_2") with { ExpiresAt = Clock.Now + TimeSpan.FromMinutes(1) }, default);
        var overlap = TimeSpan.FromHours(1);
        var until = Clock.Now + overlap;
        (await Store.ApiKeys.RotateAsync("sk_1", Key("sk_1b"), overlap, default)).ShouldBeTrue();
        (await Store.ApiKeys.RotateAsync("sk_2", Key("sk_2b") with { Scopes = ["read"], ExpiresAt = until }, overlap, default))
            .ShouldBeTrue();
        (await FindAsync("sk_1")).ShouldNotBeNull().ExpiresAt.ShouldBe(until);
        (await FindAsync("sk_2")).ShouldNotBeNull().ExpiresAt.ShouldBe(Clock.Now + TimeSpan.FromMinutes(1));
        (await FindAsync("sk_1b")).ShouldNotBeNull().ExpiresAt.ShouldBeNull();
        (await FindAsync("sk_2b"))
            .ShouldNotBeNull().ShouldSatisfyAllConditions(k => k.ExpiresAt.ShouldBe(until), k => k.Scopes.ShouldBe(["read"]));
    }

    [Fact]
    public async Task A_key_that_does_not_work_has_no_successor()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Store.ApiKeys.RevokeAsync("sk_1", default);
        await Store.ApiKeys.AddAsync(Key("sk_2") with { ExpiresAt = Clock.Now + TimeSpan.FromMinutes(1) }, default);
        Clock.Advance(TimeSpan.FromMinutes(1));
        foreach (var prefix in new[] { "sk_1", "sk_2", "sk_none" })
            (await Store.ApiKeys.RotateAsync(prefix, Key("sk_new"), TimeSpan.FromHours(1), default)).ShouldBeFalse(prefix);
        (await FindAsync("sk_new")).ShouldBeNull();
    }

    [Fact]
    public async Task A_rotation_is_whole_or_not_at_all()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Store.ApiKeys.AddAsync(Key("sk_2"), default);
        foreach (var overlap in new[] { TimeSpan.Zero, TimeSpan.FromHours(1) })
            await Should.ThrowAsync<StoreException>(async () => await Store.ApiKeys.RotateAsync("sk_1", Key("sk_2"), overlap, default));
        (await FindAsync("sk_1")).ShouldNotBeNull()
            .ShouldSatisfyAllConditions(k => k.ExpiresAt.ShouldBeNull(), k => k.RevokedAt.ShouldBeNull(), k => k.EndsIn.ShouldBeNull());
    }

    [Fact]
    public async Task How_long_a_key_still_works_is_the_stores_word()
    {
        await Store.ApiKeys.AddAsync(Key("sk_endless"), default);
        await Store.ApiKeys.AddAsync(Key("sk_dated") with { ExpiresAt = Clock.Now + TimeSpan.FromMinutes(2) }, default);
        Clock.Advance(TimeSpan.FromMinutes(1));
        (await EndsInAsync("sk_endless")).ShouldBeNull();
        (await EndsInAsync("sk_dated")).ShouldBe(TimeSpan.FromMinutes(1));
        Clock.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromMilliseconds(1));
        (await EndsInAsync("sk_dated")).ShouldBe(TimeSpan.FromMilliseconds(1));
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await EndsInAsync("sk_dated")).ShouldBe(TimeSpan.Zero);
    }

    /// <summary>The clock of the store itself is set back, to before the end.</summary>
    [Theory]
    [InlineData("revoked")]
    [InlineData("rotated")]
    [InlineData("expired and looked up")]
    [InlineData("expired and swept")]
    public async Task A_key_that_has_ended_works_never_again_whatever_the_clock_says(string end)
    {
        var hour = TimeSpan.FromHours(1);
        await Store.ApiKeys.AddAsync(Key("sk_1") with { ExpiresAt = Clock.Now + hour }, default);
        await Store.ApiKeys.AddAsync(Key("sk_works") with { ExpiresAt = Clock.Now + 2 * hour }, default);
        switch (end)
        {
            case "revoked":
                (await Store.ApiKeys.RevokeAsync("sk_1", default)).ShouldBeTrue();
                break;
            case "rotated":
                (await Store.ApiKeys.RotateAsync("sk_1", Key("sk_2"), TimeSpan.Zero, default)).ShouldBeTrue();
                break;
            case "expired and looked up":
                Clock.Advance(hour);
                (await EndsInAsync("sk_1")).ShouldBe(TimeSpan.Zero);
                break;
            case "expired and swept":
                Clock.Advance(hour);
                (await Store.ApiKeys.EndExpiredAsync(default)).ShouldBe(1);
                (await Store.ApiKeys.EndExpiredAsync(default)).ShouldBe(0);
                break;
        }

        Clock.Jump(-TimeSpan.FromDays(1));
        (await EndsInAsync("sk_1")).ShouldBe(TimeSpan.Zero);
        (await Store.ApiKeys.ListAsync(null, null, 10, default))
            .Where(k => k.EndsIn == TimeSpan.Zero).Select(k => k.Prefix).ShouldBe(["sk_1"]);
        (await Store.ApiKeys.RotateAsync("sk_1", Key("sk_3"), hour, default)).ShouldBeFalse();
        (await EndsInAsync("sk_works")).ShouldNotBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task The_last_use_of_keys_is_noted_together_and_never_goes_back()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Store.ApiKeys.AddAsync(Key("sk_2"), default);
        var (early, late) = (Clock.Now, Clock.Now + TimeSpan.FromMinutes(1));
        await Store.ApiKeys.NoteUsesAsync(new Dictionary<string, DateTimeOffset> { ["sk_1"] = late, ["sk_none"] = late }, default);
        await Store.ApiKeys.NoteUsesAsync(new Dictionary<string, DateTimeOffset> { ["sk_1"] = early, ["sk_2"] = early }, default);
        await Store.ApiKeys.NoteUsesAsync(new Dictionary<string, DateTimeOffset>(), default);
        (await FindAsync("sk_1")).ShouldNotBeNull().UsedAt.ShouldBe(late);
        (await FindAsync("sk_2")).ShouldNotBeNull().UsedAt.ShouldBe(early);
        (await Store.ApiKeys.ListAsync(null, null, 10, default)).Select(k => k.UsedAt).ShouldBe([early, late], ignoreOrder: true);
    }

    [Fact]
    public async Task Keys_that_ended_long_ago_are_pruned_within_the_limit_and_no_others()
    {
        var (keepFor, hour) = (TimeSpan.FromDays(90), TimeSpan.FromHours(1));
        foreach (var prefix in new[] { "sk_works", "sk_revoked" }) await Store.ApiKeys.AddAsync(Key(prefix), default);
        foreach (var prefix in new[] { "sk_expired_1", "sk_expired_2", "sk_expired_3" })
            await Store.ApiKeys.AddAsync(Key(prefix) with { ExpiresAt = Clock.Now + hour }, default);
        await Store.ApiKeys.AddAsync(Key("sk_revoked_early") with { ExpiresAt = Clock.Now + keepFor * 3 }, default);
        await Store.ApiKeys.AddAsync(Key("sk_expires") with { ExpiresAt = Clock.Now + hour + TimeSpan.FromMilliseconds(1) }, default);
        foreach (var prefix in new[] { "sk_revoked", "sk_revoked_early" })
            (await Store.ApiKeys.RevokeAsync(prefix, default)).ShouldBeTrue();
        Clock.Advance(hour);
        // What has ended once does not end again.
        (await Store.ApiKeys.RevokeAsync("sk_expired_1", default)).ShouldBeTrue();

        Clock.Advance(keepFor - hour - TimeSpan.FromMilliseconds(1));
        (await PruneAsync()).ShouldBe(0);
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await PruneAsync()).ShouldBe(2);
        Clock.Advance(hour);
        var pruned = new List<int>();
        for (var i = 0; i < 3; i++) pruned.Add(await PruneAsync());
        pruned.ShouldBe([2, 1, 0]);
        (await Store.ApiKeys.ListAsync(null, null, 10, default)).Select(k => k.Prefix).ShouldBe(["sk_works", "sk_expires"]);

        ValueTask<int> PruneAsync() => Store.ApiKeys.PruneAsync(keepFor, 2, default);
    }

    private async Task<IEnumerable<string>> PageAsync(string? principal, string? after) =>
        (await Store.ApiKeys.ListAsync(principal, after, 2, default)).Select(k => k.Prefix);

    private ApiKeyRecord Key(string prefix) => new()
    {
        Prefix = prefix, Digest = new byte[32], Principal = "tenant-1", Scopes = [], CreatedAt = Clock.Now,
    };

    private async Task<TimeSpan?> EndsInAsync(string prefix) => (await FindAsync(prefix)).ShouldNotBeNull().EndsIn;

    private ValueTask<ApiKeyRecord?> FindAsync(string prefix) => Store.ApiKeys.FindAsync(prefix, default);
}
