using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Surety.Coordination;

namespace Surety.Tests.Coordination;

public sealed class SupervisorTests
{
    [Fact]
    public async Task A_loop_that_rests_as_long_as_its_options_say_is_no_problem_and_one_that_stands_still_is()
    {
        var clock = new AdvancedClock();
        var supervisor = new Supervisor(new SuretyOptions { NodeLease = TimeSpan.FromMinutes(10) }, clock, NullLogger<Supervisor>.Instance);
        using var stop = new CancellationTokenSource();
        var turned = new TaskCompletionSource();
        var loop = supervisor.RunAsync(
            "upkeep",
            async (turn, cancel) =>
            {
                turn();
                turned.SetResult();
                await Task.Delay(Timeout.Infinite, cancel);
            },
            stop.Token);
        await turned.Task;

        clock.Advance(TimeSpan.FromSeconds(220));
        supervisor.Problems().ShouldBeEmpty();
        clock.Advance(TimeSpan.FromSeconds(20));
        supervisor.Problems().ShouldHaveSingleItem().ShouldContain("upkeep");
        await stop.CancelAsync();
        await loop;
    }

    private sealed class AdvancedClock : TimeProvider
    {
        private long ahead;

        public void Advance(TimeSpan by) => Interlocked.Add(ref ahead, (long)(by.TotalSeconds * TimestampFrequency));

        public override long GetTimestamp() => System.GetTimestamp() + Interlocked.Read(ref ahead);
    }
}
