using Shouldly;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Tests.Processing;

public class VerdictTests
{
    private static readonly QueueOptions Queue = new()
    {
        Retry = Retry.Table(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)), Retention = TimeSpan.FromDays(2),
    };

    [Fact]
    public void A_success_spends_its_attempt_and_leaves_no_history_unless_tracked()
    {
        After(Outcome.Done).ShouldSatisfyAllConditions(
            v => v.Next.ShouldBe(NextState.Succeeded),
                v => v.SpendsAttempt.ShouldBeTrue(), v => v.Recorded.ShouldBeFalse(), v => v.KeepFor.ShouldBe(TimeSpan.FromDays(2)));
        After(Outcome.Done, Message(tracked: true)).Recorded.ShouldBeTrue();
    }

    [Fact]
    public void A_result_is_kept_only_with_a_tracked_message()
    {
        After(Outcome.DoneWith("{}")).Result.ShouldBeNull();
        After(Outcome.DoneWith("{}"), Message(tracked: true)).Result.ShouldBe(new JobResult("{}", "application/json"));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 5)]
    public void A_failure_waits_as_long_as_the_policy_says(int attempt, int seconds)
    {
        var verdict = After(Outcome.Retry("busy"), Message(attempt));
        verdict.Next.ShouldBe(NextState.Waiting);
        verdict.Delay.ShouldBe(TimeSpan.FromSeconds(seconds));
        verdict.SpendsAttempt.ShouldBeTrue();
    }

    [Fact]
    public void The_last_failure_goes_to_the_dead_letters_with_its_whole_error()
    {
        var verdict = After(Outcome.Failed(new InvalidOperationException("no luck")), Message(attempt: 3));
        verdict.Next.ShouldBe(NextState.Dead);
        verdict.Error.ShouldNotBeNull().ShouldContain("InvalidOperationException");
        verdict.Cause.ShouldBe("InvalidOperationException: no luck");
    }

    [Fact]
    public void A_provider_that_says_when_is_waited_for_but_never_less_than_the_policy()
    {
        After(Outcome.Retry("limit", TimeSpan.FromMinutes(3))).Delay.ShouldBe(TimeSpan.FromMinutes(3));
        After(Outcome.Failed(new RetryException("limit", TimeSpan.FromMinutes(3)))).Delay.ShouldBe(TimeSpan.FromMinutes(3));
        After(Outcome.Retry("limit", TimeSpan.FromMilliseconds(1))).Delay.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_rejection_is_final_however_many_attempts_are_left() => After(Outcome.Reject("bad account")).Next.ShouldBe(NextState.Dead);

    [Fact]
    public void Neither_a_snooze_nor_a_hand_back_spends_an_attempt()
    {
        After(Outcome.Snooze(TimeSpan.FromMinutes(1), "market closed")).ShouldSatisfyAllConditions(
            v => v.SpendsAttempt.ShouldBeFalse(), v => v.Delay.ShouldBe(TimeSpan.FromMinutes(1)), v => v.Reason.ShouldBe("market closed"));
        After(Outcome.Handback).ShouldSatisfyAllConditions(
            v => v.SpendsAttempt.ShouldBeFalse(), v => v.Delay.ShouldBe(TimeSpan.Zero), v => v.Next.ShouldBe(NextState.Waiting));
    }

    [Fact]
    public void A_cancellation_is_neither_success_nor_dead_letter() =>
        After(Outcome.Cancel("withdrawn")).Next.ShouldBe(NextState.Cancelled);

    [Fact]
    public void Failures_that_differ_only_in_numbers_have_one_cause()
    {
        var causes = new[] { "timeout after 31 ms on order 4711", "timeout after 29512 ms on order 9" }
            .Select(m => Verdict.CauseOf(new TimeoutException(m), null)).Distinct();
        causes.ShouldHaveSingleItem().ShouldBe("TimeoutException: timeout after # ms on order #");
        Verdict.CauseOf(new InvalidOperationException("order 8f14e45f-ceea-467f-a8f1-0e2bd3a91c55 is gone"), null).ShouldBe(
            "InvalidOperationException: order # is gone");
    }

    [Fact]
    public void An_error_of_any_length_fits_its_column()
    {
        var verdict = After(Outcome.Failed(new InvalidOperationException(new string('x', 100_000))));
        verdict.Error!.Length.ShouldBeLessThanOrEqualTo(Verdict.MaxErrorLength);
        verdict.Reason!.Length.ShouldBeLessThanOrEqualTo(500);
        verdict.Cause!.Length.ShouldBeLessThanOrEqualTo(200);
    }

    [Theory]
    [InlineData(0x1F600)]
    [InlineData(0xD83D)]
    [InlineData(0)]
    public void A_failures_text_is_cut_at_whole_characters_and_can_be_stored(int code)
    {
        var end = (code > char.MaxValue ? char.ConvertFromUtf32(code) : ((char)code).ToString()) + " more";
        foreach (var length in Enumerable.Range(190, 15)
            .Concat(Enumerable.Range(280, 25)).Concat(Enumerable.Range(495, 10)).Concat(Enumerable.Range(7_940, 65)))
        {
            var verdict = After(Outcome.Failed(new InvalidOperationException(new string('x', length) + end)));
            foreach (var text in (string?[])[verdict.Reason, verdict.Cause, verdict.Error])
                StoredText.IsStorable(text.ShouldNotBeNull()).ShouldBeTrue($"U+{code:X} after {length}");
        }
    }

    [Fact]
    public void An_outcome_that_cannot_be_stored_is_given_up_with_what_the_store_said()
    {
        var verdict = Verdict.NotStored(After(
            Outcome.DoneWith("{}"), Message(tracked: true)), new StoreException("it has no such character \ud83d", isTransient: false));
        verdict.ShouldSatisfyAllConditions(
            v => v.Next.ShouldBe(NextState.Dead), v => v.SpendsAttempt.ShouldBeTrue(),
                v => v.Recorded.ShouldBeTrue(), v => v.Result.ShouldBeNull(), v => v.Progress.ShouldBeNull(),
            v => v.Reason.ShouldBe("The outcome of this attempt (done) could not be stored: it has no such character \ufffd"),
                v => v.Cause.ShouldBe("outcome not stored: StoreException: it has no such character \ufffd"));
    }

    [Fact]
    public void Endless_retention_keeps_for_ever() =>
        Verdict.After(
            Message(), Outcome.Done, new QueueOptions { Retention = Timeout.InfiniteTimeSpan }, TimeSpan.Zero, 0).KeepFor.ShouldBeNull();

    private static Settlement After(Outcome outcome, ClaimedMessage? message = null) =>
        Verdict.After(message ?? Message(), outcome, Queue, TimeSpan.FromMilliseconds(3), 0.5);

    private static ClaimedMessage Message(int attempt = 1, bool tracked = false) => new()
    {
        Claim = new Claim(new MessageId(7), 3), Kind = "test.kind", Version = 1,
            Body = "{}"u8.ToArray(), Queue = "default", Attempt = attempt, Deaths = 0,
        EnqueuedAt = DateTimeOffset.UnixEpoch, DueAt = DateTimeOffset.UnixEpoch, Tracked = tracked,
    };
}
