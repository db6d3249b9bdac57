using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class HistoryContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Every_attempt_is_told_with_its_claim_outcome_error_node_and_times()
    {
        var id = await EnqueueAsync();
        var expected = new List<AttemptInfo>();
        var one = await JoinAsync("one");

        var claimed = await ClaimOneAsync(one);
        Clock.Advance(Second);
        (await SettleAsync(claimed.Retry(TimeSpan.Zero) with { Ran = Second })).ShouldBeTrue();
        expected.Add(new(claimed.Claim.Number, AttemptOutcome.Retry, "busy, at length", "one", Clock.Now - Second, Clock.Now));

        claimed = await ClaimOneAsync(one);
        (await SettleAsync(claimed.Snooze(TimeSpan.Zero))).ShouldBeTrue();
        expected.Add(new(claimed.Claim.Number, AttemptOutcome.Snooze, "not yet", "one", Clock.Now, Clock.Now));

        claimed = await ClaimOneAsync(one);
        var claimedAt = Clock.Now;
        await DieAsync();
        var lost = (await InfoAsync(id)).Attempts[^1];
        lost.Error.ShouldNotBeNullOrWhiteSpace();
        expected.Add(new(claimed.Claim.Number, AttemptOutcome.Lost, lost.Error, "one", claimedAt, Clock.Now));

        claimed = await ClaimOneAsync(await JoinAsync("two"));
        (await SettleAsync(claimed.Reject())).ShouldBeTrue();
        expected.Add(new(claimed.Claim.Number, AttemptOutcome.Reject, "bad account, at length", "two", Clock.Now, Clock.Now));

        (await InfoAsync(id)).Attempts.ShouldBe(expected);
    }

    [Fact]
    public async Task A_requeue_keeps_the_history_and_is_told_in_it()
    {
        var node = await JoinAsync();
        var id = await DeadAsync(node);
        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        (await SettleAsync((await ClaimOneAsync(node)).Reject())).ShouldBeTrue();
        (await InfoAsync(id)).Attempts.Select(a => a.Outcome).ShouldBe(
            [AttemptOutcome.Reject, AttemptOutcome.Requeue, AttemptOutcome.Reject]);
    }

    [Fact]
    public async Task A_hand_back_is_not_told()
    {
        var id = await EnqueueAsync();
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).HandBack())).ShouldBeTrue();
        (await InfoAsync(id)).Attempts.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_last_hundred_attempts_are_kept()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        for (var i = 1; i <= 120; i++) (await SettleAsync((await ClaimOneAsync(node)).Retry(TimeSpan.Zero, $"failure {i}"))).ShouldBeTrue();
        var attempts = (await InfoAsync(id)).Attempts;
        attempts.Select(a => a.Error).ShouldBe(Enumerable.Range(21, 100).Select(i => $"failure {i}, at length"));
    }

    [Fact]
    public async Task The_longest_error_is_kept_whole()
    {
        var id = await EnqueueAsync();
        var error = string.Concat(Enumerable.Repeat("at Módulo.Método() 🦉\n", 370))[..8_000];
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).Retry(TimeSpan.Zero) with { Error = error })).ShouldBeTrue();
        (await InfoAsync(id)).Attempts.ShouldHaveSingleItem().Error.ShouldBe(error);
    }

    [Fact]
    public async Task Progress_is_kept_from_report_to_report_and_over_attempts()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        var claimed = await ClaimOneAsync(node);
        await Store.Messages.ReportAsync([(claimed.Claim, new Progress(1, 10, "rows", "reading"))], default);
        (await InfoAsync(id)).Progress.ShouldBe(new Progress(1, 10, "rows", "reading"));
        await Store.Messages.ReportAsync([(claimed.Claim, new Progress(5_000_000_000, null, null, null))], default);
        (await InfoAsync(id)).Progress.ShouldBe(new Progress(5_000_000_000, null, null, null));

        (await SettleAsync(claimed.Retry(TimeSpan.Zero) with { Progress = new Progress(7, 10, "rows", null) })).ShouldBeTrue();
        (await InfoAsync(id)).Progress.ShouldBe(new Progress(7, 10, "rows", null));
        (await SettleAsync((await ClaimOneAsync(node)).Snooze(TimeSpan.Zero))).ShouldBeTrue();
        (await InfoAsync(id)).Progress.ShouldBe(new Progress(7, 10, "rows", null));
    }
}
