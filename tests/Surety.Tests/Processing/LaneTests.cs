using Shouldly;
using Surety.Coordination;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Tests.Processing;

/// <summary>Who may run when: as many handlers as the queue says, and as many commits behind them.</summary>
public sealed class LaneTests
{
    private readonly List<Run> runs = [];
    private readonly Lane lane;

    public LaneTests() => lane = new Lane(
        "work", new QueueOptions { Concurrency = 2 }, new Dictionary<string, BatchLimits>(),
        async (messages, _, handled) =>
        {
            var run = new Run(messages[0].Claim.Id.Value, handled);
            lock (runs) runs.Add(run);
            await run.Ended.Task;
        },
        () => { }, new Home(), TimeProvider.System);

    [Fact]
    public async Task The_next_handler_starts_while_the_last_one_is_committed_and_as_many_commits_wait_as_handlers_may_run()
    {
        lane.Accept([.. Enumerable.Range(1, 9).Select(i => Message(i))]);
        await UntilAsync(2);
        runs[0].Handled();
        await UntilAsync(3);
        runs[1].Handled();
        await UntilAsync(4);

        // Two commits are under way; a third one keeps its handler's place.
        runs[2].Handled();
        runs[2].Ended.SetResult();
        await UntilAsync(5);
        runs.Count.ShouldBe(5);
        runs[0].Ended.SetResult();
        await UntilAsync(6, runs[3].Handled);
        foreach (var i in Enumerable.Range(0, 9))
        {
            await UntilAsync(i + 1);
            runs[i].Ended.TrySetResult();
        }

        await WorkingHost.UntilAsync(() => Task.FromResult(lane.IsIdle));
        runs.Select(r => r.Message).ShouldBe(Enumerable.Range(1, 9).Select(i => (long)i), ignoreOrder: true);
    }

    [Fact]
    public async Task What_is_held_is_what_waits_runs_or_is_committed()
    {
        lane.Accept([.. Enumerable.Range(1, 5).Select(i => Message(i))]);
        await UntilAsync(2);
        runs[0].Handled();
        await UntilAsync(3);
        Held().ShouldBe([1, 2, 3, 4, 5]);

        runs[0].Ended.SetResult();
        await WorkingHost.UntilAsync(() => Task.FromResult(!Held().Contains(runs[0].Message)));
        lane.Clear().Count.ShouldBe(2);
        Held().Count().ShouldBe(2);
        foreach (var run in runs.ToList()) run.Ended.TrySetResult();
        await WorkingHost.UntilAsync(() => Task.FromResult(lane.IsIdle));
        Held().ShouldBeEmpty();
    }

    private IEnumerable<long> Held()
    {
        var claims = new HashSet<Claim>();
        lane.AddHeld(claims);
        return claims.Select(c => c.Id.Value).Order();
    }

    private Task UntilAsync(int count, Action? meanwhile = null) => WorkingHost.UntilAsync(() =>
    {
        meanwhile?.Invoke();
        lock (runs) return Task.FromResult(runs.Count >= count);
    });

    private static ClaimedMessage Message(long id) => new()
    {
        Claim = new Claim(new MessageId(id), 1), Attempt = 1, Deaths = 0, Queue = "work",
            Kind = "test.kind", Version = 1, EnqueuedAt = default, DueAt = default, Headers = NewMessage.NoHeaders, Body = default,
    };

    private sealed record Run(long Message, Action Handled)
    {
        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
