using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class DueContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_message_is_claimable_from_its_due_instant_on_and_not_before(bool byDelay)
    {
        var node = await JoinAsync();
        var due = Clock.Now + Hour;
        var id = await EnqueueAsync(byDelay ? Message() with { Delay = Hour } : Message() with { DueAt = due });
        (await InfoAsync(id)).ShouldSatisfyAllConditions(m => m.DueAt.ShouldBe(due), m => m.Status.ShouldBe(MessageStatus.Scheduled));

        Clock.Advance(Hour - TimeSpan.FromMilliseconds(1));
        (await ClaimAsync(node)).ShouldBeEmpty();

        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await StatusAsync(id)).ShouldBe(MessageStatus.Queued);
        (await ClaimOneAsync(node)).DueAt.ShouldBe(due);
    }

    [Fact]
    public async Task An_instant_in_the_past_means_now()
    {
        var id = await EnqueueAsync(Message() with { DueAt = Clock.Now - Hour });
        (await InfoAsync(id)).DueAt.ShouldBe(Clock.Now);
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([id]);
    }

    [Fact]
    public async Task No_sooner_holds_to_the_tick()
    {
        var due = Clock.Now + TimeSpan.FromTicks(12_345);
        await EnqueueAsync(Message() with { DueAt = due });
        (await ClaimAsync(await JoinAsync())).ShouldBeEmpty();
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await ClaimAsync(await JoinAsync())).ShouldBeEmpty();
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await ClaimOneAsync(await JoinAsync())).DueAt.ShouldBeInRange(due, due + TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task A_clock_that_goes_back_costs_time_and_loses_nothing()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync(Message() with { Delay = TimeSpan.FromMinutes(1) });
        Clock.Jump(-Hour);
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(Hour + TimeSpan.FromMinutes(1));
        (await ClaimedIdsAsync(node)).ShouldBe([id]);
    }

    [Fact]
    public async Task Within_a_priority_the_oldest_goes_first()
    {
        var late = await EnqueueAsync(Message() with { Delay = Hour });
        var others = await EnqueueAsync(3);
        Clock.Advance(Hour);
        (await ClaimedIdsAsync(await JoinAsync())).ShouldBe([late, .. others]);
    }

    [Fact]
    public async Task The_highest_priority_goes_first_unless_the_lowest_is_asked_for()
    {
        var node = await JoinAsync();
        var low = await EnqueueAsync(Message() with { Priority = Priority.Low });
        var normal = await EnqueueAsync();
        var high = await EnqueueAsync(Message() with { Priority = Priority.High });
        var second = await EnqueueAsync(Message() with { Priority = Priority.High });

        (await ClaimedIdsAsync(node, 1)).ShouldBe([high]);
        (await Store.Messages.ClaimAsync(node, [new QueueDemand(Work, 1, LowestFirst: true)], default))
            .ShouldNotBeNull().Select(m => m.Claim.Id).ShouldBe([low]);
        (await ClaimedIdsAsync(node)).ShouldBe([second, normal]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_backlog_holds_up_neither_what_becomes_due_nor_what_has_an_ordering_key(bool keyed)
    {
        var node = await JoinAsync();
        await EnqueueAsync(100);
        await ClaimOneAsync(node);
        await ClaimOneAsync(node);
        var urgent = await EnqueueAsync(Message() with
        {
            Priority = Priority.High, Delay = keyed ? TimeSpan.Zero : Hour, OrderingKey = keyed ? "o" : null,
        });
        Clock.Advance(Hour);
        (await Store.Nodes.HeartbeatAsync(node, Lease, default)).ShouldBeTrue();

        // A store need not look at every claim, but long before the backlog is done.
        var claims = 0;
        while ((await ClaimOneAsync(node)).Claim.Id != urgent) (++claims).ShouldBeLessThan(30);
    }

    [Fact]
    public async Task A_message_that_was_retried_keeps_its_place()
    {
        var node = await JoinAsync();
        var ids = await EnqueueAsync(3);
        (await SettleAsync((await ClaimOneAsync(node)).Retry(TimeSpan.Zero))).ShouldBeTrue();
        (await ClaimedIdsAsync(node)).ShouldBe(ids);
    }
}
