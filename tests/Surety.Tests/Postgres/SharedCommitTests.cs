using Shouldly;
using Surety.Postgres.Segments;
using Surety.Storage;

namespace Surety.Tests.Postgres;

/// <summary>Calls that share a commit: each gets its own answer, and bears nobody else's fault.</summary>
public sealed class SharedCommitTests
{
    private readonly List<Write> writes = [];
    private readonly SharedCommit shared;
    private long last;

    public SharedCommitTests() => shared = new SharedCommit(async (messages, cancel) =>
    {
        var write = new Write(messages, cancel);
        lock (writes) writes.Add(write);
        await write.May.Task;
        return [.. messages.Select(_ => new Enqueued(new MessageId(++last), false))];
    });

    [Fact]
    public async Task Whoever_comes_while_a_commit_is_under_way_shares_the_next_one()
    {
        var first = EnqueueAsync("a");
        var others = new[] { EnqueueAsync("b", "c"), EnqueueAsync("d"), EnqueueAsync("e", "f") };
        (await WriteAsync(1)).May.SetResult();
        var second = await WriteAsync(2);
        second.Queues.ShouldBe(["b", "c", "d", "e", "f"]);
        second.May.SetResult();

        (await first).Select(e => e.Id.Value).ShouldBe([1]);
        (await Task.WhenAll(others)).Select(answer => answer.Select(e => e.Id.Value)).ShouldBe([[2, 3], [4], [5, 6]]);
    }

    [Fact]
    public async Task Nobody_waits_when_nothing_is_under_way()
    {
        for (var i = 1; i <= 3; i++)
        {
            var call = EnqueueAsync("a");
            (await WriteAsync(i)).May.SetResult();
            await call;
        }

        writes.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_call_that_is_cancelled_while_it_waits_is_not_written()
    {
        using var cancel = new CancellationTokenSource();
        var first = EnqueueAsync("a");
        var cancelled = shared.EnqueueAsync([Message("b")], cancel.Token).AsTask();
        var third = EnqueueAsync("c");
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => cancelled);
        (await WriteAsync(1)).May.SetResult();
        var second = await WriteAsync(2);
        second.Queues.ShouldBe(["c"]);
        second.May.SetResult();
        await Task.WhenAll(first, third);
    }

    [Fact]
    public async Task A_call_that_is_written_already_is_not_cancelled_any_more()
    {
        using var cancel = new CancellationTokenSource();
        var first = EnqueueAsync("a");
        var second = shared.EnqueueAsync([Message("b")], cancel.Token).AsTask();
        (await WriteAsync(1)).May.SetResult();
        var write = await WriteAsync(2);
        await cancel.CancelAsync();
        write.Cancel.CanBeCanceled.ShouldBeFalse();
        write.May.SetResult();
        await Task.WhenAll(first, second);
    }

    [Fact]
    public async Task What_cannot_be_stored_fails_alone()
    {
        var first = EnqueueAsync("a");
        var (good, bad) = (EnqueueAsync("b"), EnqueueAsync("c"));
        (await WriteAsync(1)).May.SetResult();
        (await WriteAsync(2)).May.SetException(new StoreException("one of them is no good"));
        (await WriteAsync(3)).May.SetResult();
        (await WriteAsync(4)).May.SetException(new StoreException("this one"));

        writes[2].Queues.ShouldBe(["b"]);
        (await good).Count.ShouldBe(1);
        (await Should.ThrowAsync<StoreException>(() => bad)).Message.ShouldBe("this one");
        await first;
    }

    [Fact]
    public async Task Doubt_is_everybodys_and_nothing_is_written_again()
    {
        var first = EnqueueAsync("a");
        var others = new[] { EnqueueAsync("b"), EnqueueAsync("c") };
        (await WriteAsync(1)).May.SetResult();
        (await WriteAsync(2)).May.SetException(new StoreException("the connection broke", isTransient: true, inDoubt: true));

        foreach (var other in others)
            (await Should.ThrowAsync<StoreException>(() => other)).ShouldSatisfyAllConditions(
                e => e.InDoubt.ShouldBeTrue(), e => e.IsTransient.ShouldBeTrue());
        await first;
        var next = EnqueueAsync("d");
        (await WriteAsync(3)).Queues.ShouldBe(["d"]);
        writes[2].May.SetResult();
        await next;
    }

    private Task<IReadOnlyList<Enqueued>> EnqueueAsync(params string[] queues) =>
        shared.EnqueueAsync([.. queues.Select(Message)], default).AsTask();

    private async Task<Write> WriteAsync(int number)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            lock (writes)
            {
                if (writes.Count >= number) return writes[number - 1];
            }

            await Task.Delay(1, limit.Token);
        }
    }

    private static NewMessage Message(string queue) => new() { Kind = "test.kind", Version = 1, Queue = queue, Body = "{}"u8.ToArray() };

    private sealed class Write(IReadOnlyList<NewMessage> messages, CancellationToken cancel)
    {
        public TaskCompletionSource May { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IEnumerable<string> Queues => messages.Select(m => m.Queue);

        public CancellationToken Cancel => cancel;
    }
}
