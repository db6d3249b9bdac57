using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Surety.Processing;

namespace Surety.Tests.Processing;

public class RateLimiterTests
{
    [Fact]
    public void No_more_start_in_a_period_than_permitted_and_the_rest_come_steadily()
    {
        var clock = new FakeTimeProvider();
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
