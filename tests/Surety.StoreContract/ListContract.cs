using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class ListContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task Pages_are_newest_first_and_together_hold_everything_once()
    {
        var ids = await EnqueueAsync(25);
        var seen = new List<MessageId>();
        MessageId? before = null;
        var sizes = new List<int>();
        do
        {
            var page = await ListAsync(new MessageFilter { Limit = 10, Before = before });
            sizes.Add(page.Items.Count);
            seen.AddRange(page.Items.Select(m => m.Id));
            before = page.Next;
        }
        while (before is not null);

        sizes.ShouldBe([10, 10, 5]);
        seen.ShouldBe(ids.Reverse());
    }

    [Fact]
    public async Task A_last_page_that_is_full_names_no_next_one()
    {
        await EnqueueAsync(10);
        (await ListAsync(new MessageFilter { Limit = 10 })).Next.ShouldBeNull();
        (await ListAsync(new MessageFilter { Limit = 9 })).Next.ShouldNotBeNull();
    }

    [Fact]
    public async Task What_arrives_meanwhile_does_not_shift_the_pages()
    {
        var ids = await EnqueueAsync(4);
        var first = await ListAsync(new MessageFilter { Limit = 2 });
        await EnqueueAsync(3);
        (await ListAsync(new MessageFilter { Limit = 2, Before = first.Next })).Items.Select(m => m.Id).ShouldBe([ids[1], ids[0]]);
    }

    [Fact]
    public async Task Every_given_member_of_a_filter_must_fit()
    {
        var plain = await EnqueueAsync();
        var mail = await EnqueueAsync(Message() with { Queue = "mail", Owner = "tenant-1" });
        var kind = await EnqueueAsync(Message() with { Kind = "other.kind", Owner = "tenant-1" });

        (await IdsAsync(new MessageFilter { Queue = Work })).ShouldBe([kind, plain]);
        (await IdsAsync(new MessageFilter { Kind = "test.kind" })).ShouldBe([mail, plain]);
        (await IdsAsync(new MessageFilter { Owner = "tenant-1" })).ShouldBe([kind, mail]);
        (await IdsAsync(new MessageFilter { Owner = "tenant-1", Queue = "mail" })).ShouldBe([mail]);
        (await IdsAsync(new MessageFilter { Owner = "tenant-1", Queue = Work, Kind = "test.kind" })).ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_message_is_listed_under_exactly_the_status_it_has()
    {
        var node = await JoinAsync();
        var expected = new Dictionary<MessageId, MessageStatus>();
        var dead = await DeadAsync(node);
        expected[dead] = MessageStatus.Dead;

        await EnqueueAsync(Message() with { Tracked = true });
        await EnqueueAsync(3);
        IReadOnlyList<ClaimedMessage> claimed = [.. (await ClaimAsync(node, 4)).OrderBy(m => m.Claim.Id.Value)];
        await SettleAsync(claimed[0].Done());
        expected[claimed[0].Claim.Id] = MessageStatus.Succeeded;
        await SettleAsync(claimed[1].Retry(TimeSpan.FromHours(1)));
        expected[claimed[1].Claim.Id] = MessageStatus.Retrying;
        await SettleAsync(claimed[2].Snooze(TimeSpan.FromHours(1)));
        expected[claimed[2].Claim.Id] = MessageStatus.Scheduled;
        expected[claimed[3].Claim.Id] = MessageStatus.Running;

        expected[await EnqueueAsync()] = MessageStatus.Queued;
        expected[await EnqueueAsync(Message() with { OrderingKey = "o" })] = MessageStatus.Queued;
        expected[await EnqueueAsync(Message() with { OrderingKey = "o" })] = MessageStatus.Queued;
        expected[await EnqueueAsync(Message() with { OrderingKey = "o", Delay = TimeSpan.FromHours(1) })] = MessageStatus.Scheduled;
        var becomesDue = await EnqueueAsync(Message() with { Delay = TimeSpan.FromMinutes(1) });
        expected[becomesDue] = MessageStatus.Queued;
        var cancelled = await EnqueueAsync();
        await Store.Messages.CancelAsync(cancelled, "why", null, default);
        expected[cancelled] = MessageStatus.Cancelled;
        (await StatusAsync(becomesDue)).ShouldBe(MessageStatus.Scheduled);
        Clock.Advance(TimeSpan.FromMinutes(1));

        foreach (var (id, status) in expected) (await StatusAsync(id)).ShouldBe(status, $"found {id}");
        (await ListAsync(new MessageFilter())).Items.ToDictionary(m => m.Id, m => m.Status).ShouldBe(expected, ignoreOrder: true);
        foreach (var status in Enum.GetValues<MessageStatus>())
        {
            (await IdsAsync(new MessageFilter { Status = status })).ShouldBe(
                expected.Where(e => e.Value == status).Select(e => e.Key), ignoreOrder: true, $"listed as {status}");
        }
    }

    [Fact]
    public async Task A_cause_finds_its_dead_letters_and_only_those()
    {
        var node = await JoinAsync();
        var dead = await DeadAsync(node, reason: "down");
        await DeadAsync(node, reason: "bad account");
        await EnqueueAsync();
        await SettleAsync((await ClaimOneAsync(node)).Retry(TimeSpan.FromHours(1), "down"));
        (await IdsAsync(new MessageFilter { Cause = "failed: down" })).ShouldBe([dead]);
    }

    [Fact]
    public async Task A_list_leaves_the_history_out()
    {
        await DeadAsync(await JoinAsync());
        (await ListAsync(new MessageFilter())).Items.ShouldHaveSingleItem().Attempts.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_never_was_is_not_found() => (await FindAsync(new MessageId(long.MaxValue))).ShouldBeNull();

    private async Task<MessagePage> ListAsync(MessageFilter filter) => await Store.Reader.ListAsync(filter, default);

    private async Task<MessageId[]> IdsAsync(MessageFilter filter) => [.. (await ListAsync(filter)).Items.Select(m => m.Id)];
}
