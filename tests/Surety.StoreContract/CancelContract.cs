using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class CancelContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Theory]
    [InlineData("queued")]
    [InlineData("scheduled")]
    [InlineData("retrying")]
    [InlineData("blocked")]
    public async Task A_message_that_does_not_run_is_cancelled_at_once(string where)
    {
        var node = await JoinAsync();
        if (where == "blocked") await EnqueueAsync(Message() with { OrderingKey = "o" });
        var id = await EnqueueAsync(Message() with
        {
            OrderingKey = "o", Delay = where == "scheduled" ? TimeSpan.FromHours(1) : TimeSpan.Zero,
        });
        if (where == "retrying") (await SettleAsync((await ClaimOneAsync(node)).Retry(TimeSpan.FromHours(1)))).ShouldBeTrue();

        (await CancelAsync(id, "the customer paid")).ShouldBe(CancelAnswer.Cancelled);
        (await InfoAsync(id)).ShouldSatisfyAllConditions(m =>
            m.Status.ShouldBe(MessageStatus.Cancelled), m => m.Reason.ShouldBe("the customer paid"), m => m.EndedAt.ShouldBe(Clock.Now));
        Clock.Advance(TimeSpan.FromHours(2));
        (await ClaimedIdsAsync(node)).ShouldNotContain(id);
    }

    [Fact]
    public async Task A_running_message_is_asked_to_stop_and_its_node_hears_of_it()
    {
        var (one, two) = (await JoinAsync("one"), await JoinAsync("two"));
        await EnqueueAsync(3);
        var first = await ClaimOneAsync(one);
        await ClaimOneAsync(one);
        var third = await ClaimOneAsync(two);
        (await CancelAsync(first.Claim.Id, "why")).ShouldBe(CancelAnswer.Requested);
        (await CancelAsync(third.Claim.Id, "why")).ShouldBe(CancelAnswer.Requested);

        (await InfoAsync(first.Claim.Id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Running), m => m.CancelRequested.ShouldBeTrue());
        (await Store.Messages.CancelRequestsAsync(one, default)).ShouldBe([first.Claim]);
        (await Store.Messages.CancelRequestsAsync(two, default)).ShouldBe([third.Claim]);
        (await SettleAsync(first.Done())).ShouldBeTrue();
        (await Store.Messages.CancelRequestsAsync(one, default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_last_requests_reason_is_the_one_shown()
    {
        await EnqueueAsync();
        var claimed = await ClaimOneAsync(await JoinAsync());
        (await CancelAsync(claimed.Claim.Id, "first")).ShouldBe(CancelAnswer.Requested);
        (await CancelAsync(claimed.Claim.Id, "last")).ShouldBe(CancelAnswer.Requested);
        (await SettleAsync(claimed.Cancelled(reason: null))).ShouldBeTrue();
        (await InfoAsync(claimed.Claim.Id)).Reason.ShouldBe("last");
    }

    [Fact]
    public async Task What_has_ended_or_never_was_cannot_be_cancelled()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node);
        await EnqueueAsync(Message() with { Tracked = true });
        var succeeded = await ClaimOneAsync(node);
        (await SettleAsync(succeeded.Done())).ShouldBeTrue();
        var cancelled = await EnqueueAsync();
        await CancelAsync(cancelled, "first");

        (await CancelAsync(dead, "why")).ShouldBe(CancelAnswer.AlreadyEnded);
        (await CancelAsync(succeeded.Claim.Id, "why")).ShouldBe(CancelAnswer.AlreadyEnded);
        (await CancelAsync(cancelled, "again")).ShouldBe(CancelAnswer.AlreadyEnded);
        (await InfoAsync(cancelled)).Reason.ShouldBe("first");
        (await CancelAsync(new MessageId(long.MaxValue), "why")).ShouldBe(CancelAnswer.NotFound);
    }

    [Fact]
    public async Task A_request_dies_with_the_message_and_a_requeue_starts_afresh()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        var claimed = await ClaimOneAsync(node);
        await CancelAsync(id, "why");
        (await SettleAsync(claimed.Reject())).ShouldBeTrue();
        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        (await InfoAsync(id)).CancelRequested.ShouldBeFalse();
        (await ClaimOneAsync(node)).CancelReason.ShouldBeNull();
    }

    [Fact]
    public async Task A_cancellation_and_a_claim_at_the_same_time_agree()
    {
        var node = await JoinAsync();
        for (var round = 0; round < 20; round++)
        {
            var id = await EnqueueAsync();
            var claiming = ClaimAsync(node);
            var answer = await CancelAsync(id, "why");
            var claimed = await claiming;
            if (answer == CancelAnswer.Cancelled) claimed.ShouldBeEmpty();
            else (await SettleAsync(claimed.ShouldHaveSingleItem().Done())).ShouldBeTrue();
        }
    }

    private async Task<CancelAnswer> CancelAsync(MessageId id, string reason) =>
        await Store.Messages.CancelAsync(id, reason, null, default);
}
