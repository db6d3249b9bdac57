using FsCheck;
using FsCheck.Fluent;
using Shouldly;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Tests.Processing;

public class RetryTests
{
    private static readonly Gen<TimeSpan> Delays = Gen.Choose(0, 30 * 24 * 3600).Select(seconds => TimeSpan.FromSeconds(seconds));

    // [0, 1), its ends above all.
    private static readonly Gen<double> Jitters = Gen.OneOf(
        Gen.Elements(0, Math.BitDecrement(1)), Gen.Choose(0, 999_999).Select(n => n / 1_000_000d));

    private static readonly Arbitrary<(int Attempts, int Failures, double Jitter)> Failures = Arb.From(
        from attempts in Gen.Choose(
            1, 1000) from failures in Gen.Choose(1, 1100) from jitter in Jitters select (attempts, failures, jitter));

    private static readonly Arbitrary<(TimeSpan First, TimeSpan Second)> TwoDelays = Arb.From(
        from first in Delays from second in Delays select (first, second));

    [Fact]
    public void Full_jitter_waits_between_zero_and_a_bound_that_doubles_up_to_the_cap() =>
        Prop.ForAll(Failures, TwoDelays, (failure, delays) =>
    {
        var (initial, cap) = delays;
        if (Retry.Exponential(failure.Attempts, initial, cap).After(new(failure.Failures, null, failure.Jitter)) is not { } wait)
            return failure.Failures >= failure.Attempts;
        var bound = Math.Min(initial.TotalSeconds * Math.Pow(2, failure.Failures - 1), cap.TotalSeconds);
        return failure.Failures < failure.Attempts
            && wait >= TimeSpan.Zero && Math.Abs(wait.TotalSeconds - bound * failure.Jitter) <= 0.001;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Full_jitter_spreads_over_the_whole_range()
    {
        var retry = Retry.Exponential(10, TimeSpan.FromSeconds(8));
        retry.After(new(2, null, 0)).ShouldBe(TimeSpan.Zero);
        retry.After(new(2, null, 0.5)).ShouldBe(TimeSpan.FromSeconds(8));
        retry.After(new(2, null, Math.BitDecrement(1)))
            .ShouldNotBeNull().ShouldBeInRange(TimeSpan.FromSeconds(15.99), TimeSpan.FromSeconds(16));
    }

    [Fact]
    public void However_often_a_message_fails_the_policy_has_an_answer()
    {
        foreach (var failures in Enumerable.Range(1, 999))
            Retry.Exponential(1000, Retry.LongestDelay, Retry.LongestDelay).After(new(failures, null, 0.999)).ShouldNotBeNull();
    }

    [Fact]
    public void A_fixed_policy_always_waits_the_same() => Prop.ForAll(Failures, Arb.From(Delays), (failure, delay) =>
        Retry.Fixed(failure.Attempts, delay).After(new(failure.Failures, null, failure.Jitter)) == (failure.Failures < failure.Attempts
            ? delay : null)).QuickCheckThrowOnFailure();

    [Fact]
    public void A_table_waits_the_nth_time_after_the_nth_failure_and_then_gives_up() =>
        Prop.ForAll(Arb.From(Delays.NonEmptyListOf()), Arb.From(Gen.Choose(1, 200)), (table, failures) =>
            Retry.Table([.. table]).After(new(failures, null, 0.5)) == (failures <= table.Count ? table[failures - 1] : null))
                .QuickCheckThrowOnFailure();

    [Fact]
    public void No_policy_waits_less_than_zero_or_longer_than_the_longest_delay() =>
        Prop.ForAll(Arb.From(Gen.Choose(-100_000, 100_000)),
            hours => Retry.Custom(3, _ => TimeSpan.FromHours(hours)).After(
                new(1, null, 0.5)) == TimeSpan.FromHours(Math.Clamp(hours, 0, Retry.LongestDelay.TotalHours))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_custom_policy_sees_the_failure_and_when_it_throws_the_message_still_waits()
    {
        RetryContext? seen = null;
        var failure = new RetryContext(2, new TimeoutException("slow"), 0.25);
        Retry.Custom(3, f =>
        {
            seen = f;
            return TimeSpan.FromSeconds(f.Failures);
        }).After(failure).ShouldBe(TimeSpan.FromSeconds(2));
        seen.ShouldBe(failure);
        Retry.Custom(3, _ => throw new InvalidOperationException("faulty")).After(failure).ShouldBe(Retry.LongestDelay / 1000);
    }

    [Fact]
    public void The_first_rule_that_fits_the_exception_or_a_base_of_it_decides()
    {
        var retry = Retry.Fixed(3, TimeSpan.FromSeconds(1))
            .On<HttpRequestException>(Retry.Fixed(10, TimeSpan.FromSeconds(2)))
            .RejectOn<RejectException>()
            .On<SystemException>(Retry.Fixed(2, TimeSpan.FromSeconds(3)));

        Wait(1, null).ShouldBe(TimeSpan.FromSeconds(1));
        Wait(1, new RetryException("later")).ShouldBe(TimeSpan.FromSeconds(1));
        Wait(3, null).ShouldBeNull();
        Wait(9, new HttpRequestException()).ShouldBe(TimeSpan.FromSeconds(2));
        Wait(10, new HttpRequestException()).ShouldBeNull();
        Wait(1, new RejectException("bad account")).ShouldBeNull();
        Wait(1, new TimeoutException()).ShouldBe(TimeSpan.FromSeconds(3));
        Wait(2, new TimeoutException()).ShouldBeNull();

        TimeSpan? Wait(int failures, Exception? exception) => retry.After(new(failures, exception, 0.5));
    }

    [Fact]
    public void A_rule_for_what_the_store_wraps_fits_too()
    {
        var retry = Retry.Fixed(3, TimeSpan.FromSeconds(1)).RejectOn<TimeoutException>();
        retry.After(new(1, new StoreException("The commit failed", FailureKind.Mistake, innerException: new TimeoutException()), 0))
            .ShouldBeNull();
        retry.After(new(1, new StoreException("The commit failed", FailureKind.Mistake, innerException: new FormatException()), 0))
            .ShouldBe(TimeSpan.FromSeconds(1));
        // Others wrap as they like: their outer type is what they say.
        retry.After(new(1, new InvalidOperationException("failed", new TimeoutException()), 0)).ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_rule_leaves_the_policy_it_was_added_to_as_it_was()
    {
        var plain = Retry.Fixed(3, TimeSpan.FromSeconds(1));
        plain.RejectOn<TimeoutException>().After(new(1, new TimeoutException(), 0)).ShouldBeNull();
        plain.After(new(1, new TimeoutException(), 0)).ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void The_others_wish_when_to_come_back_is_granted_but_neither_shortens_the_wait_nor_buys_an_attempt() =>
        Prop.ForAll(Failures, TwoDelays, (failure, delays) =>
        {
            var (wait, after) = delays;
            var queue = new QueueOptions { Retry = Retry.Fixed(failure.Attempts, wait) };
            var verdict = Verdict.After(Message(
                failure.Failures), Outcome.Failed(new RetryException("too many requests", after)), queue, TimeSpan.Zero, failure.Jitter);
            return failure.Failures < failure.Attempts
                ? verdict.Next == NextState.Waiting && verdict.Delay == (after > wait ? after : wait) : verdict.Next == NextState.Dead;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_wish_beyond_the_longest_delay_is_cut() =>
        Verdict.After(Message(1), Outcome.Retry("closed", TimeSpan.FromDays(365)), new QueueOptions(), TimeSpan.Zero, 0.5).Delay.ShouldBe(
            Retry.LongestDelay);

    [Fact]
    public void What_makes_no_sense_is_refused_when_the_policy_is_made()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Exponential(0));
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Exponential(1001));
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Exponential(3, TimeSpan.FromSeconds(-1)));
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Exponential(3, cap: Retry.LongestDelay + TimeSpan.FromTicks(1)));
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Fixed(3, Retry.LongestDelay + TimeSpan.FromTicks(1)));
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Table());
        Should.Throw<ArgumentOutOfRangeException>(() => Retry.Table(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(-1)));
        Retry.Never.After(new(1, null, 0)).ShouldBeNull();
    }

    private static ClaimedMessage Message(int attempt) => new()
    {
        Claim = new Claim(new MessageId(7), 3), Kind = "test.kind", Version = 1,
            Body = "{}"u8.ToArray(), Queue = "default", Attempt = attempt, Deaths = 0,
        EnqueuedAt = DateTimeOffset.UnixEpoch, DueAt = DateTimeOffset.UnixEpoch,
    };
}
