using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Surety.Coordination;

namespace Surety.Tests.Coordination;

public sealed class SupervisorTests
{
    [Fact]
    public async Task A_loop_that_rests_as_long_as_its_options_say_is_no_problem_and_one_that_stands_still_is()
    {
        var clock = new FakeTimeProvider();
        var supervisor = new Supervisor(new Home(), clock, NullLogger<Supervisor>.Instance);
        using var stop = new CancellationTokenSource();
        var turned = new TaskCompletionSource();
        var loop = supervisor.RunAsync(
            new Loop("upkeep", TimeSpan.FromSeconds(200), async (turn, cancel) =>
            {
                turn();
                turned.SetResult();
                await Task.Delay(Timeout.Infinite, cancel);
            }),
            stop.Token);
        await turned.Task;

        clock.Advance(TimeSpan.FromSeconds(220));
        supervisor.Problems().ShouldBeEmpty();
        clock.Advance(TimeSpan.FromSeconds(20));
        supervisor.Problems().ShouldHaveSingleItem().ShouldContain("upkeep");
        await stop.CancelAsync();
        await loop;
    }

    [Theory]
    [InlineData(true, 100)]
    [InlineData(false, 2000)]
    public async Task A_loop_that_turns_between_its_failures_starts_again_soon_and_one_that_does_not_waits_longer_each_time_up_to_a_limit(
        bool turns, int longest)
    {
        var clock = new HastyClock();
        var supervisor = new Supervisor(new Home(), clock, NullLogger<Supervisor>.Instance);
        using var stop = new CancellationTokenSource();
        var runs = 0;
        await supervisor.RunAsync(
            new Loop("claim", TimeSpan.Zero, async (turn, _) =>
            {
                if (turns) turn();
                if (++runs == 20) await stop.CancelAsync();
                throw new InvalidOperationException("the connection broke");
            }),
            stop.Token).WaitAsync(TimeSpan.FromSeconds(30));
        clock.Waited.Count.ShouldBeGreaterThan(15);
        clock.Waited.Max().TotalMilliseconds.ShouldBe(longest);
    }

    /// <summary>Every wait is over at once, and remembered.</summary>
    private sealed class HastyClock : TimeProvider
    {
        public ConcurrentBag<TimeSpan> Waited { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waited.Add(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
