using Shouldly;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Postgres;

/// <summary>The first message a queue ever gets also notes the queue's name, and its transaction may stay open for long.</summary>
public sealed class NewQueueTests : IAsyncLifetime
{
    private readonly PostgresFixture fixture = new();
    private OpenStore store = null!;

    public async ValueTask InitializeAsync() => store = await fixture.OpenAsync(new ManualTime());

    public async ValueTask DisposeAsync() => await fixture.DisposeAsync();

    [Fact]
    public async Task A_transaction_that_enqueues_to_a_new_queue_and_stays_open_holds_up_no_other()
    {
        await using var open = await store.Database.BeginAsync();
        await store.Messages.EnqueueAsync([Message()], open, default);
        await store.Messages.EnqueueAsync([Message()], null, default).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
        await open.CommitAsync();
        var queue = (await store.Queues.ListAsync()).ShouldHaveSingleItem();
        (queue.Queue, queue.Ready).ShouldBe(("fresh", 2));
    }

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "fresh", Body = "{}"u8.ToArray() };
}
