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
            k => k.Digest.ToArray().ShouldBe(added.Digest.ToArray()), k => k.Principal.ShouldBe("tenant-1"), k => k.Scopes.ShouldBe(added.Scopes), k => k.CreatedAt.ShouldBe(Clock.Now),
            k => k.ExpiresAt.ShouldBe(added.ExpiresAt), k => k.RevokedAt.ShouldBeNull());
        (await FindAsync("sk_2")).ShouldBeNull();
    }

    [Fact]
    public async Task A_prefix_is_given_once()
    {
        await Store.ApiKeys.AddAsync(Key("sk_1"), default);
        await Should.ThrowAsync<StoreException>(async () => await Store.ApiKeys.AddAsync(Key("sk_1") with { Principal = "intruder" }, default));
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
        (await Store.ApiKeys.ListAsync(default)).Select(k => (k.Prefix, k.RevokedAt is not null)).ShouldBe([("sk_a", false), ("sk_c", true), ("sk_b", false)]);
    }

    private ApiKeyRecord Key(string prefix) => new() { Prefix = prefix, Digest = new byte[32], Principal = "tenant-1", Scopes = [], CreatedAt = Clock.Now };

    private ValueTask<ApiKeyRecord?> FindAsync(string prefix) => Store.ApiKeys.FindAsync(prefix, default);
}
