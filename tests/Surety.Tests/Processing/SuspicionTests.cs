using FsCheck;
using FsCheck.Fluent;
using Shouldly;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Tests.Processing;

public class SuspicionTests
{
    [Theory]
    [InlineData(0, false, 3, "Free")]
    [InlineData(1, false, 3, "Suspect")]
    [InlineData(2, false, 3, "Alone")]
    [InlineData(3, true, 3, "GivenUp")]
    [InlineData(3, false, 3, "Alone")]
    [InlineData(50, false, 3, "Alone")]
    [InlineData(2, true, 3, "Alone")]
    [InlineData(0, false, 1, "Free")]
    [InlineData(1, false, 1, "Alone")]
    [InlineData(1, true, 1, "GivenUp")]
    [InlineData(1, false, 2, "Alone")]
    public void What_deaths_mean(int deaths, bool alone, int most, string standing) =>
        Suspicion.Of(Message(deaths, alone), most).ToString().ShouldBe(standing);

    [Fact]
    public void Only_what_ran_alone_at_its_last_death_is_given_up() =>
        Prop.ForAll(Arb.From(Gen.Choose(0, 300)), Arb.From(Gen.Choose(1, 100)), (deaths, most) =>
        Suspicion.Of(Message(deaths, alone: false), most) != Standing.GivenUp).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_turns_there_are_they_take_at_most_half_of_the_time() => Prop.ForAll(Arb.From(Turn.ListOf()), turns =>
    {
        var (taken, rested, pace) = (TimeSpan.Zero, TimeSpan.Zero, LonePace.First);
        foreach (var (length, wasQuiet) in turns)
        {
            rested += pace.Rest;
            taken += length;
            pace = pace.After(length, wasQuiet);
        }

        return taken <= rested + pace.Rest;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_turn_is_patient_only_where_handlers_take_long()
    {
        var pace = LonePace.First;
        pace.Patience.ShouldBe(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 4; i++) pace = pace.After(pace.Patience, wasQuiet: false);
        pace.Patience.ShouldBe(TimeSpan.FromSeconds(16));
        for (var i = 0; i < 100; i++) pace = pace.After(pace.Patience, wasQuiet: false);
        // No handler may take longer.
        pace.Patience.ShouldBe(TimeSpan.FromDays(1));
        pace.After(TimeSpan.FromSeconds(3), wasQuiet: true).ShouldBe(new LonePace(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(1)));
    }

    private static Gen<(TimeSpan, bool)> Turn =>
        from milliseconds in Gen.Choose(
            0, 100_000) from wasQuiet in Gen.Elements(true, false) select (TimeSpan.FromMilliseconds(milliseconds), wasQuiet);

    private static ClaimedMessage Message(int deaths, bool alone) => new()
    {
        Claim = new Claim(new MessageId(7), 3), Kind = "test.kind", Version = 1,
            Body = "{}"u8.ToArray(), Queue = "default", Attempt = 1, Deaths = deaths, DiedAlone = alone,
        EnqueuedAt = DateTimeOffset.UnixEpoch, DueAt = DateTimeOffset.UnixEpoch,
    };
}
