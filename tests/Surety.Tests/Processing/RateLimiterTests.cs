using Shouldly;
using Surety.Processing;

namespace Surety.Tests.Processing;

public class RateLimiterTests
{
    private sealed class Clock : TimeProvider
    {
        private TimeSpan now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => now.Ticks;
        public void Advance(TimeSpan by) => now += by;
    }

    [Fact]
    public void No_more_start_in_a_period_than_permitted_and_the_rest_come_steadily()
    {
        var clock = new Clock();
        var limiter = new RateLimiter(10, TimeSpan.FromSeconds(1), clock);
        limiter.Available().ShouldBe(10);
        limiter.Take(10);
        limiter.Available().ShouldBe(0);
        limiter.UntilNext().ShouldBe(TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(1));
        clock.Advance(TimeSpan.FromMilliseconds(350));
        limiter.Available().ShouldBe(3);
        clock.Advance(TimeSpan.FromHours(1));
        limiter.Available().ShouldBe(10);
    }
}
