using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class QuotaContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly byte[] Alice = [1];

    [Fact]
    public async Task A_window_gives_its_permits_once_in_chunks()
    {
        (await LeaseAsync(4)).ShouldBe(new LeasedPermits(4, 6, Minute));
        Clock.Advance(TimeSpan.FromSeconds(20));
        (await LeaseAsync(4)).ShouldBe(new LeasedPermits(4, 2, TimeSpan.FromSeconds(40)));
        (await LeaseAsync(4)).ShouldBe(new LeasedPermits(2, 0, TimeSpan.FromSeconds(40)));
        (await LeaseAsync(4)).ShouldBe(new LeasedPermits(0, 0, TimeSpan.FromSeconds(40)));
    }

    [Fact]
    public async Task The_next_window_begins_full_and_what_was_left_of_the_last_is_lost()
    {
        await LeaseAsync(3);
        Clock.Advance(Minute);
        (await LeaseAsync(10)).ShouldBe(new LeasedPermits(10, 0, Minute));
    }

    [Fact]
    public async Task Keys_are_counted_apart()
    {
        await LeaseAsync(10);
        (await Store.Quotas.LeaseAsync(new byte[] { 2 }, 1, 10, Minute, default)).Granted.ShouldBe(1);
        (await LeaseAsync(1)).Granted.ShouldBe(0);
    }

    [Fact]
    public async Task Nodes_that_lease_at_the_same_time_never_get_more_than_there_is()
    {
        var others = new[] { Store, await Fixture.OpenAsync(Clock), await Fixture.OpenAsync(Clock) };
        var leases = await Task.WhenAll(Enumerable.Range(0, 60).Select(
            i => Task.Run(async () => await others[i % 3].Quotas.LeaseAsync(Alice, 3, 100, Minute, default))));
        leases.Sum(l => l.Granted).ShouldBe(100);
    }

    [Fact]
    public async Task A_smaller_limit_holds_at_once_for_what_is_leased_from_then_on()
    {
        await LeaseAsync(8);
        (await Store.Quotas.LeaseAsync(Alice, 5, 6, Minute, default)).ShouldBe(new LeasedPermits(0, 0, Minute));
        (await Store.Quotas.LeaseAsync(Alice, 5, 9, Minute, default)).Granted.ShouldBe(1);
    }

    [Fact]
    public async Task A_clock_that_goes_back_gives_no_window_twice_and_shuts_nobody_out_for_long()
    {
        Clock.Advance(Minute);
        await LeaseAsync(10);
        Clock.Jump(-TimeSpan.FromSeconds(1));
        // A store with a clock that is not set has none of that second more.
        (await LeaseAsync(1)).ShouldSatisfyAllConditions(
            l => l.Granted.ShouldBe(0), l => l.Left.ShouldBe(0), l => l.EndsIn.ShouldBeInRange(Minute, Minute + TimeSpan.FromSeconds(1)));
        Clock.Jump(-TimeSpan.FromHours(1));
        Clock.Advance(Minute);
        (await LeaseAsync(1)).Granted.ShouldBe(1);
    }

    [Fact]
    public async Task Only_windows_that_are_over_are_pruned()
    {
        await LeaseAsync(10);
        await Store.Quotas.LeaseAsync(new byte[] { 2 }, 1, 10, TimeSpan.FromHours(1), default);
        (await Store.Quotas.PruneAsync(100, default)).ShouldBe(0);
        Clock.Advance(Minute);
        (await Store.Quotas.PruneAsync(100, default)).ShouldBe(1);
        (await Store.Quotas.LeaseAsync(new byte[] { 2 }, 10, 10, TimeSpan.FromHours(1), default)).Granted.ShouldBe(9);
    }

    private ValueTask<LeasedPermits> LeaseAsync(int want) => Store.Quotas.LeaseAsync(Alice, want, 10, Minute, default);
}
