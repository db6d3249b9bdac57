using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class EnqueueContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task A_message_is_found_as_it_was_enqueued()
    {
        var sent = new NewMessage
        {
            Kind = "invoice.due", Version = 3, Queue = "mail", Body = Bytes(
                """{"id":7}"""), Priority = Priority.High, OrderingKey = "customer-7", Owner = "tenant-1", Tracked = true,
            Headers = new Dictionary<string, string>
            {
                ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ["x-source"] = "import",
            },
        };
        var id = await EnqueueAsync(sent);

        var found = await InfoAsync(id);
        found.ShouldSatisfyAllConditions(
            m => m.Id.ShouldBe(id), m => m.Kind.ShouldBe("invoice.due"),
                m => m.Version.ShouldBe(3), m => m.Queue.ShouldBe("mail"), m => m.Priority.ShouldBe(Priority.High),
            m => m.OrderingKey.ShouldBe("customer-7"), m => m.Owner.ShouldBe("tenant-1"),
                m => m.Body.ToArray().ShouldBe(sent.Body.ToArray()), m => m.Headers.ShouldBe(sent.Headers, ignoreOrder: true),
            m => m.EnqueuedAt.ShouldBe(Clock.Now), m => m.DueAt.ShouldBe(Clock.Now),
                m => m.Status.ShouldBe(MessageStatus.Queued), m => m.Attempt.ShouldBe(0), m => m.Deaths.ShouldBe(0),
            m => m.Attempts.ShouldBeEmpty(), m => m.EndedAt.ShouldBeNull(),
                m => m.Reason.ShouldBeNull(), m => m.Cause.ShouldBeNull(), m => m.CancelRequested.ShouldBeFalse());

        var claimed = (await ClaimAsync(await JoinAsync(), queue: "mail")).ShouldHaveSingleItem();
        claimed.ShouldSatisfyAllConditions(
            m => m.Claim.Id.ShouldBe(id), m => m.Kind.ShouldBe("invoice.due"),
                m => m.Version.ShouldBe(3), m => m.Queue.ShouldBe("mail"), m => m.OrderingKey.ShouldBe("customer-7"),
            m => m.Owner.ShouldBe("tenant-1"), m => m.Tracked.ShouldBeTrue(),
                m => m.Body.ToArray().ShouldBe(sent.Body.ToArray()), m => m.Headers.ShouldBe(sent.Headers, ignoreOrder: true),
            m => m.EnqueuedAt.ShouldBe(Clock.Now), m =>
                m.DueAt.ShouldBe(Clock.Now), m => m.Attempt.ShouldBe(1), m => m.Deaths.ShouldBe(0), m => m.HoldsUniqueKey.ShouldBeFalse());
    }

    [Fact]
    public async Task A_message_without_anything_optional_has_none_of_it()
    {
        var found = await InfoAsync(await EnqueueAsync());
        found.ShouldSatisfyAllConditions(
            m => m.Headers.ShouldBeEmpty(), m => m.OrderingKey.ShouldBeNull(), m => m.Owner.ShouldBeNull(),
                m => m.Priority.ShouldBe(Priority.Normal), m => m.Progress.ShouldBeNull(), m => m.Result.ShouldBeNull());
    }

    [Fact]
    public async Task Ids_do_not_end_at_31_bits_and_grow_within_a_batch()
    {
        var ids = (await EnqueueAsync(3)).Select(i => i.Value).ToArray();
        ids[0].ShouldBeGreaterThan(int.MaxValue);
        ids.ShouldBeInOrder();
        ids.Distinct().Count().ShouldBe(3);
    }

    public static TheoryData<string, byte[]> Payloads => new()
    {
        { "empty", [] },
        { "other scripts", Bytes("""{"name":"Ägyptisch 埃及 🦉 \u0000 ‮"}""") },
        { "every byte", [.. Enumerable.Range(0, 256).Select(i => (byte)i)] },
        { "a megabyte", [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)(i * 31 % 251))] },
    };

    [Theory]
    [MemberData(nameof(Payloads))]
    public async Task A_payload_comes_back_byte_for_byte(string what, byte[] body)
    {
        var id = await EnqueueAsync(Message() with { Body = body });
        (await InfoAsync(id)).Body.ToArray().ShouldBe(body, what);
        (await ClaimOneAsync(await JoinAsync())).Body.ToArray().ShouldBe(body, what);
    }

    [Fact]
    public async Task Names_keys_and_headers_may_be_of_any_script()
    {
        const string odd = "Ünïcode 埃及 🦉 'quoted' \"twice\" %_\\ ; -- ?1 @p {0}";
        var id = await EnqueueAsync(Message() with
        {
            Queue = odd, Kind = odd, OrderingKey = odd, UniqueKey = odd, Owner = odd, Headers = new Dictionary<string, string>
            {
                [odd] = odd,
            },
        });

        var claimed = (await ClaimAsync(await JoinAsync(odd), queue: odd)).ShouldHaveSingleItem();
        claimed.ShouldSatisfyAllConditions(
            m => m.Kind.ShouldBe(odd), m =>
                m.OrderingKey.ShouldBe(odd), m => m.Owner.ShouldBe(odd), m => m.Headers.ShouldHaveSingleItem().ShouldBe(new(odd, odd)));
        (await Store.Messages.EnqueueAsync([Message() with { Queue = odd, Kind = odd, UniqueKey = odd }], null, default)).ShouldBe(
            [new Enqueued(id, IsDuplicate: true)]);
        (await SettleAsync(claimed.Reject(odd))).ShouldBeTrue();
        (await Store.DeadLetters.GroupsAsync()).ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(g => g.Queue.ShouldBe(odd), g => g.Kind.ShouldBe(odd), g => g.Cause.ShouldBe($"failed: {odd}"));
    }

    [Fact]
    public async Task A_full_batch_is_stored_in_order()
    {
        var ids = await EnqueueAsync(IQueue.MaxBatch);
        ids.ShouldBeUnique();
        var claimed = await ClaimAsync(await JoinAsync(), IQueue.MaxBatch);
        claimed.Select(m => m.Claim.Id).ShouldBe(ids);
        claimed.Select(m => m.Body.ToArray()).ShouldBe(Enumerable.Range(0, IQueue.MaxBatch).Select(i => Bytes($"{i}")));
    }

    [Fact]
    public async Task An_empty_batch_stores_nothing() => (await Store.Messages.EnqueueAsync([], null, default)).ShouldBeEmpty();

    [Fact]
    public async Task A_batch_that_fails_half_way_leaves_nothing()
    {
        await Should.ThrowAsync<Exception>(
            async () => await Store.Messages.EnqueueAsync([Message(), Message() with { Kind = null! }], null, default));
        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task Enqueues_at_the_same_time_lose_nothing()
    {
        var ids = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => EnqueueAsync(Message($"{i}"))));
        ids.ShouldBeUnique();
        (await ClaimedIdsAsync(await JoinAsync(), 1000)).ShouldBe(ids, ignoreOrder: true);
    }
}
