using Shouldly;

namespace Surety.StoreContract;

/// <summary>The store as a whole.</summary>
public abstract class OpenContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task An_open_store_is_ready_and_says_what_it_is()
    {
        var status = await Store.Store.CheckAsync(default);
        status.Ready.ShouldBeTrue(status.Detail);
        status.Detail.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public async Task The_datas_id_is_the_same_to_everybody_and_for_ever()
    {
        var other = await Fixture.OpenAsync(Clock);
        other.Store.StoreId.ShouldBe(Store.Store.StoreId);
        Store.Store.StoreId.ShouldMatch("^[0-9a-f]{32}$");
    }

    [Fact]
    public async Task Two_sets_of_data_have_two_ids()
    {
        await using var fixture = new TFixture();
        (await fixture.OpenAsync(Clock)).Store.StoreId.ShouldNotBe(Store.Store.StoreId);
    }

    [Fact]
    public async Task The_key_that_signs_is_the_same_to_everybody_and_each_datas_own()
    {
        var key = Store.Store.SigningKey.ToArray();
        key.Length.ShouldBe(32);
        (await Fixture.OpenAsync(Clock)).Store.SigningKey.ToArray().ShouldBe(key);
        await using var fixture = new TFixture();
        (await fixture.OpenAsync(Clock)).Store.SigningKey.ToArray().ShouldNotBe(key);
    }

    [Fact]
    public async Task Opening_twice_does_nothing()
    {
        var id = await EnqueueAsync();
        await Store.Store.OpenAsync(default);
        (await FindAsync(id)).ShouldNotBeNull();
    }

    [Fact]
    public async Task What_was_stored_is_there_when_the_data_is_opened_again()
    {
        var ids = await EnqueueAsync(3);
        var other = await Fixture.OpenAsync(Clock);
        foreach (var id in ids) (await other.Reader.FindAsync(id, default)).ShouldNotBeNull();
    }
}
