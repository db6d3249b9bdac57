using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>Messages of dead nodes come back, and the guilty are told from the bystanders.</summary>
public abstract class RescueContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_dead_nodes_messages_come_back_due_now_with_their_attempt_unspent_and_the_death_counted()
    {
        var ids = await EnqueueAsync(3);
        var claimed = await ClaimAsync(await JoinAsync("doomed"));
        var report = await DieAsync();
        report.Nodes.ShouldBe(["doomed"]);
        report.Rescued.ShouldBe(3);

        var again = await ClaimAsync(await JoinAsync("heir"));
        again.Select(m => m.Claim.Id).ShouldBe(ids);
        again.Select(m => m.Attempt).ShouldAllBe(a => a == 1);
        again.Select(m => m.Deaths).ShouldAllBe(d => d == 1);
        again.Zip(claimed).ShouldAllBe(pair => pair.First.Claim.Number > pair.Second.Claim.Number);
    }

    [Fact]
    public async Task A_living_nodes_messages_are_left_alone()
    {
        await EnqueueAsync(2);
        var doomed = await JoinAsync("doomed");
        var living = await JoinAsync("living");
        var lost = await ClaimOneAsync(doomed);
        var held = await ClaimOneAsync(living);
        Clock.Advance(Lease - TimeSpan.FromMilliseconds(1));
        (await Store.Messages.RescueAsync(100, default)).Rescued.ShouldBe(0);
        (await Store.Nodes.HeartbeatAsync(living, Lease, default)).ShouldBeTrue();

        var report = await DieAsync2();
        report.Nodes.ShouldBe(["doomed"]);
        report.Rescued.ShouldBe(1);
        (await StatusAsync(lost.Claim.Id)).ShouldBe(MessageStatus.Queued);
        (await SettleAsync(held.Done())).ShouldBeTrue();

        async Task<RescueReport> DieAsync2()
        {
            Clock.Advance(TimeSpan.FromMilliseconds(1));
            return await Store.Messages.RescueAsync(100, default);
        }
    }

    [Fact]
    public async Task A_rescue_finds_nothing_twice()
    {
        await EnqueueAsync();
        await ClaimOneAsync(await JoinAsync("doomed"));
        await DieAsync();
        (await Store.Messages.RescueAsync(100, default)).ShouldSatisfyAllConditions(r => r.Nodes.ShouldBeEmpty(), r => r.Rescued.ShouldBe(0));
        (await Store.Messages.RescueAsync(100, default)).Rescued.ShouldBe(0);
    }

    [Fact]
    public async Task A_rescue_takes_no_more_than_its_limit_and_the_next_one_goes_on()
    {
        await EnqueueAsync(5);
        await ClaimAsync(await JoinAsync("doomed"));
        Clock.Advance(Lease + TimeSpan.FromSeconds(1));
        var rescued = new List<int>();
        for (var i = 0; i < 4; i++) rescued.Add((await Store.Messages.RescueAsync(2, default)).Rescued);
        rescued.ShouldBe([2, 2, 1, 0]);
        (await ClaimAsync(await JoinAsync())).Count.ShouldBe(5);
    }

    [Fact]
    public async Task A_suspect_that_had_not_started_is_not_blamed_again()
    {
        await EnqueueAsync();
        await DeathAsync(start: false);
        (await DeathAsync(start: false)).ShouldBe(1);
        (await DeathAsync(start: false)).ShouldBe(1);
    }

    [Fact]
    public async Task A_suspect_that_had_started_is_blamed_each_time()
    {
        await EnqueueAsync();
        await DeathAsync(start: false);
        (await DeathAsync(start: true)).ShouldBe(1);
        (await DeathAsync(start: true)).ShouldBe(2);
        (await DeathAsync(start: false)).ShouldBe(3);
        (await DeathAsync(start: false)).ShouldBe(3);
    }

    [Fact]
    public async Task A_start_noted_under_an_earlier_claim_does_not_count_against_a_later_one()
    {
        var node = await JoinAsync();
        await EnqueueAsync();
        await DeathAsync(start: false);
        node = await JoinAsync();
        var claimed = await ClaimOneAsync(node);
        (await Store.Messages.StartAsync([claimed.Claim], default)).ShouldBe([true]);
        (await SettleAsync(claimed.Snooze(TimeSpan.Zero))).ShouldBeTrue();
        (await DeathAsync(start: false)).ShouldBe(1);
        (await ClaimOneAsync(await JoinAsync())).Deaths.ShouldBe(1);
    }

    [Fact]
    public async Task Deaths_alone_give_no_message_up()
    {
        var id = await EnqueueAsync();
        for (var i = 0; i < 6; i++) await DeathAsync(start: true);
        (await InfoAsync(id)).ShouldSatisfyAllConditions(m => m.Status.ShouldBe(MessageStatus.Queued), m => m.Deaths.ShouldBe(6), m => m.Attempt.ShouldBe(0));
    }

    [Fact]
    public async Task A_cancellation_asked_for_of_a_lost_attempt_is_not_forgotten()
    {
        var id = await EnqueueAsync();
        await ClaimOneAsync(await JoinAsync("doomed"));
        (await Store.Messages.CancelAsync(id, "the customer paid", null, default)).ShouldBe(CancelAnswer.Requested);
        await DieAsync();
        (await ClaimOneAsync(await JoinAsync())).CancelReason.ShouldBe("the customer paid");
    }

    /// <summary>Claims the message on a node that then dies; returns the deaths counted before.</summary>
    private async Task<int> DeathAsync(bool start)
    {
        var claimed = await ClaimOneAsync(await JoinAsync("doomed"));
        // Only a suspect's start is noted.
        if (start && claimed.Deaths > 0) (await Store.Messages.StartAsync([claimed.Claim], default)).ShouldBe([true]);
        (await DieAsync()).Rescued.ShouldBe(1);
        return claimed.Deaths;
    }
}
