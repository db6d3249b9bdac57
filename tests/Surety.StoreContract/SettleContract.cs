using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class SettleContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task An_untracked_success_leaves_nothing()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.Done())).ShouldBeTrue();
        (await FindAsync(id)).ShouldBeNull();
    }

    [Fact]
    public async Task A_tracked_success_keeps_its_result_and_its_history()
    {
        var (id, claimed) = await ClaimedAsync(Message() with { Tracked = true });
        Clock.Advance(TimeSpan.FromSeconds(2));
        (await SettleAsync(
            claimed.Done(new JobResult("""{"pages":3}""", "application/json")) with { Ran = TimeSpan.FromSeconds(
            2), Progress = new Progress(3, 3, "pages", "printed") })).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Succeeded), m => m.Attempt.ShouldBe(1),
                m => m.EndedAt.ShouldBe(Clock.Now), m => m.Result.ShouldBe(new JobResult("""{"pages":3}""", "application/json")),
            m => m.Progress.ShouldBe(new Progress(3, 3, "pages", "printed")), m => m.Reason.ShouldBeNull(),
            m => m.Attempts.ShouldBe(
                [new AttemptInfo(
                claimed.Claim.Number, AttemptOutcome.Done, null, "node", Clock.Now - TimeSpan.FromSeconds(2), Clock.Now)]));
    }

    [Fact]
    public async Task A_retry_spends_the_attempt_and_waits_its_delay()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.Retry(Hour))).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Retrying), m => m.Attempt.ShouldBe(1),
                m => m.DueAt.ShouldBe(Clock.Now + Hour), m => m.Reason.ShouldBe("busy"), m => m.Cause.ShouldBe("failed: busy"));

        var node = await JoinAsync();
        Clock.Advance(Hour - TimeSpan.FromMilliseconds(1));
        (await ClaimAsync(node)).ShouldBeEmpty();
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await ClaimOneAsync(node)).Attempt.ShouldBe(2);
    }

    [Fact]
    public async Task A_snooze_waits_with_the_attempt_unspent()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.Snooze(Hour, "market closed"))).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(m => m.Status.ShouldBe(MessageStatus.Scheduled),
            m => m.Attempt.ShouldBe(0), m => m.Reason.ShouldBe("market closed"), m => m.DueAt.ShouldBe(Clock.Now + Hour));
        Clock.Advance(Hour);
        (await ClaimOneAsync(await JoinAsync())).Attempt.ShouldBe(1);
    }

    [Fact]
    public async Task A_hand_back_is_due_at_once_and_leaves_no_trace()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.HandBack())).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Queued), m => m.Attempt.ShouldBe(0), m => m.Attempts.ShouldBeEmpty());
        (await ClaimOneAsync(await JoinAsync())).Attempt.ShouldBe(1);
    }

    [Fact]
    public async Task A_rejection_goes_to_the_dead_letters()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.Reject())).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Dead), m => m.Attempt.ShouldBe(1),
                m => m.Reason.ShouldBe("bad account"), m => m.Cause.ShouldBe("failed: bad account"), m => m.EndedAt.ShouldBe(Clock.Now));
        (await ClaimAsync(await JoinAsync())).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_cancellation_by_the_handler_is_the_end()
    {
        var (id, claimed) = await ClaimedAsync();
        (await SettleAsync(claimed.Cancelled())).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Cancelled), m => m.Reason.ShouldBe("withdrawn"), m => m.EndedAt.ShouldBe(Clock.Now));
        (await Store.DeadLetters.GroupsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_group_of_settlements_gets_one_answer_each_in_order()
    {
        var node = await JoinAsync();
        await EnqueueAsync(4);
        var claimed = await ClaimAsync(node);
        (await SettleAsync(claimed[1].Done())).ShouldBeTrue();
        (await Store.Messages.SettleAsync([claimed[0]
            .Done(), claimed[1].Done(), claimed[2].Retry(Hour), claimed[3].Reject()], null, default)).ShouldBe([true, false, true, true]);
    }

    [Fact]
    public async Task The_revision_grows_with_every_change()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync(Message() with { Tracked = true });
        var revisions = new List<long> { (await InfoAsync(id)).Revision };
        var claimed = await ClaimOneAsync(node);
        await NoteAsync();
        await Store.Messages.ReportAsync([(claimed.Claim, new Progress(1, null, null, null))], default);
        await NoteAsync();
        await Store.Messages.CancelAsync(id, "why", null, default);
        await NoteAsync();
        await SettleAsync(claimed.Reject());
        await NoteAsync();
        await Store.DeadLetters.RequeueAsync(id);
        await NoteAsync();
        await SettleAsync((await ClaimOneAsync(node)).Done());
        await NoteAsync();
        revisions.ShouldBe(revisions.Order());
        revisions.ShouldBeUnique();

        async Task NoteAsync() => revisions.Add((await InfoAsync(id)).Revision);
    }

    private async Task<(MessageId Id, ClaimedMessage Claimed)> ClaimedAsync(NewMessage? message = null)
    {
        var id = await EnqueueAsync(message);
        return (id, await ClaimOneAsync(await JoinAsync()));
    }
}
