using Surety.Storage;

namespace Surety.Postgres.Segments;

/// <summary>
/// Plain messages that are enqueued outside a transaction: calls that are made while others are on their way share the next round trip and
/// its commit. Nobody waits who need not, and every call returns when its own messages are durable.
/// </summary>
/// <param name="write">Stores messages in one commit, in their order.</param>
internal sealed class SharedCommit(Func<IReadOnlyList<NewMessage>, CancellationToken, ValueTask<IReadOnlyList<Enqueued>>> write)
{
    /// <summary>A larger call gains nothing from company.</summary>
    public const int MostOfACall = 100;

    private const int MostTogether = 1_000;

    private readonly Lock gate = new();
    private readonly Queue<Call> waiting = new();
    private bool underWay;

    public ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(IReadOnlyList<NewMessage> messages, CancellationToken cancel)
    {
        Call call;
        lock (gate)
        {
            if (!underWay)
            {
                underWay = true;
                return AloneAsync(messages, cancel);
            }

            waiting.Enqueue(call = new Call(messages));
        }

        return call.WaitAsync(cancel);
    }

    private async ValueTask<IReadOnlyList<Enqueued>> AloneAsync(IReadOnlyList<NewMessage> messages, CancellationToken cancel)
    {
        try
        {
            return await write(messages, cancel);
        }
        finally
        {
            bool more;
            lock (gate) underWay = more = waiting.Count > 0;
            if (more) Next();
        }
    }

    /// <summary>
    /// Behind what the pool has to run already: those who were just answered may have more, and then it goes with this one.
    /// </summary>
#pragma warning disable RS0030 // The place in the pool's queue is what it is about.
    private void Next() => ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.TogetherAsync(), this, preferLocal: false);
#pragma warning restore RS0030

    private async Task TogetherAsync()
    {
        var calls = Gather();
        if (calls.Count == 0) return;
        try
        {
            var stored = await write(calls is [var only] ? only.Messages : [.. calls.SelectMany(c => c.Messages)], CancellationToken.None);
            var next = 0;
            foreach (var call in calls)
            {
                call.End([.. stored.Skip(next).Take(call.Messages.Count)]);
                next += call.Messages.Count;
            }
        }
        catch (StoreException e) when (calls.Count > 1 && e is { IsTransient: false, InDoubt: false })
        {
            // One may be at fault; the others need not suffer for it.
            foreach (var call in calls) await EachAsync(call);
        }
        catch (Exception e)
        {
            foreach (var call in calls) call.End(e);
        }
        finally
        {
            Next();
        }
    }

    private List<Call> Gather()
    {
        var calls = new List<Call>();
        lock (gate)
        {
            for (var count = 0; waiting.TryPeek(out var call) && (calls.Count == 0 || count + call.Messages.Count <= MostTogether);)
            {
                waiting.Dequeue();
                if (!call.Begin()) continue;
                calls.Add(call);
                count += call.Messages.Count;
            }

            underWay = calls.Count > 0;
        }

        return calls;
    }

    private async Task EachAsync(Call call)
    {
        try
        {
            call.End(await write(call.Messages, CancellationToken.None));
        }
        catch (Exception e)
        {
            call.End(e);
        }
    }

    /// <summary>One call that waits; cancelled, it is left out if it has not begun.</summary>
    private sealed class Call(IReadOnlyList<NewMessage> messages)
    {
        private readonly TaskCompletionSource<IReadOnlyList<Enqueued>> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int begun;

        public IReadOnlyList<NewMessage> Messages => messages;

        public bool Begin() => Interlocked.Exchange(ref begun, 1) == 0;

        public void End(IReadOnlyList<Enqueued> stored) => answer.TrySetResult(stored);

        // Its own exception for each caller: they are thrown on many threads.
        public void End(Exception failure) => answer.TrySetException(
            failure is StoreException store ? new StoreException(store.Message, store.Kind, store.InDoubt, store) : failure);

        public async ValueTask<IReadOnlyList<Enqueued>> WaitAsync(CancellationToken cancel)
        {
            await using var registration = cancel.UnsafeRegister(
                static (state, token) =>
                {
                    var call = (Call)state!;
                    if (call.Begin()) call.answer.TrySetCanceled(token);
                },
                this);
            return await answer.Task;
        }
    }
}
