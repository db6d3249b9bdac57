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
        (await Store.Messages.RescueAsync(100, default)).ShouldSatisfyAllConditions(
            r => r.Nodes.ShouldBeEmpty(), r => r.Rescued.ShouldBe(0));
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
        (await Store.Messages.StartAsync([claimed.Claim], alone: false, default)).ShouldBe([true]);
        (await SettleAsync(claimed.Snooze(TimeSpan.Zero))).ShouldBeTrue();
        (await DeathAsync(start: false)).ShouldBe(1);
        (await ClaimOneAsync(await JoinAsync())).Deaths.ShouldBe(1);
    }

    [Fact]
    public async Task A_message_that_ran_alone_when_its_process_died_is_blamed_and_no_other_that_was_held_there()
    {
        await EnqueueAsync(3);
        // All three are suspects, and have started.
        await ClaimAsync(await JoinAsync("doomed"));
        await DieAsync();
        var doomed = await JoinAsync("doomed");
        var claimed = await ClaimAsync(doomed);
        (await Store.Messages.StartAsync([.. claimed.Select(m => m.Claim)], alone: false, default)).ShouldBe([true, true, true]);
        await EnqueueAsync(2);
        await ClaimAsync(doomed);
        (await Store.Messages.StartAsync([claimed[1].Claim], alone: true, default)).ShouldBe([true]);
        // In several calls: what the first one hands back must not be forgotten by the next.
        Clock.Advance(Lease + TimeSpan.FromMilliseconds(1));
        var rescued = new List<int>();
        for (var i = 0; i < 4; i++) rescued.Add((await Store.Messages.RescueAsync(2, default)).Rescued);
        rescued.Sum().ShouldBe(5);

        (await ClaimAsync(await JoinAsync("heir")))
            .Select(m => (m.Deaths, m.DiedAlone)).ShouldBe([(1, false), (2, true), (1, false), (0, false), (0, false)]);
    }

    [Fact]
    public async Task What_ran_alone_under_an_earlier_claim_or_on_another_node_says_nothing_of_a_later_death()
    {
        await EnqueueAsync();
        await DeathAsync(start: false);
        var doomed = await JoinAsync("doomed");
        var claimed = await ClaimOneAsync(doomed);
        (await Store.Messages.StartAsync([claimed.Claim], alone: true, default)).ShouldBe([true]);
        (await SettleAsync(claimed.Snooze(TimeSpan.Zero))).ShouldBeTrue();
        // Claimed again and not started: nothing is known against it.
        await ClaimOneAsync(doomed);
        await DieAsync();
        var again = await ClaimOneAsync(await JoinAsync("heir"));
        (again.Deaths, again.DiedAlone).ShouldBe((1, false));
    }

    [Fact]
    public async Task A_death_in_company_takes_back_what_one_alone_had_shown()
    {
        await EnqueueAsync();
        await DeathAsync(start: false);
        var claimed = await ClaimOneAsync(await JoinAsync("doomed"));
        (await Store.Messages.StartAsync([claimed.Claim], alone: true, default)).ShouldBe([true]);
        await DieAsync();
        claimed = await ClaimOneAsync(await JoinAsync("doomed"));
        (claimed.Deaths, claimed.DiedAlone).ShouldBe((2, true));
        (await Store.Messages.StartAsync([claimed.Claim], alone: false, default)).ShouldBe([true]);
        await DieAsync();
        claimed = await ClaimOneAsync(await JoinAsync("heir"));
        (claimed.Deaths, claimed.DiedAlone).ShouldBe((3, false));
    }

    [Fact]
    public async Task A_requeued_dead_letter_is_nobodys_suspect()
    {
        var id = await EnqueueAsync();
        await DeathAsync(start: false);
        var claimed = await ClaimOneAsync(await JoinAsync("doomed"));
        await Store.Messages.StartAsync([claimed.Claim], alone: true, default);
        await DieAsync();
        claimed = await ClaimOneAsync(await JoinAsync("heir"));
        (await SettleAsync(claimed.Reject())).ShouldBeTrue();
        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        claimed = await ClaimOneAsync(await JoinAsync("third"));
        (claimed.Deaths, claimed.DiedAlone).ShouldBe((0, false));
    }

    [Fact]
    public async Task Deaths_by_themselves_give_no_message_up()
    {
        var id = await EnqueueAsync();
        for (var i = 0; i < 6; i++) await DeathAsync(start: true);
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Queued), m => m.Deaths.ShouldBe(6), m => m.Attempt.ShouldBe(0));
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
        if (start && claimed.Deaths > 0) (await Store.Messages.StartAsync([claimed.Claim], alone: false, default)).ShouldBe([true]);
        (await DieAsync()).Rescued.ShouldBe(1);
        return claimed.Deaths;
    }
}
