using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class DeadLetterContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    [Fact]
    public async Task Dead_letters_are_grouped_by_queue_kind_and_cause_most_first()
    {
        var node = await JoinAsync();
        await DeadAsync(node, reason: "rare");
        Clock.Advance(TimeSpan.FromSeconds(1));
        var oldest = Clock.Now;
        await DeadAsync(node, reason: "often");
        await DeadAsync(node, Message() with { Queue = "mail" }, "rare");
        await DeadAsync(node, Message() with { Kind = "other.kind" }, "often");
        Clock.Advance(TimeSpan.FromSeconds(1));
        await DeadAsync(node, reason: "often");
        await EnqueueAsync();

        var groups = await Store.DeadLetters.GroupsAsync();
        groups[0].ShouldBe(new DeadLetterGroup(Work, "test.kind", "failed: often", 2, oldest, Clock.Now));
        groups.Skip(1).Select(g => (g.Queue, g.Kind, g.Cause, g.Count)).ShouldBe(
            [("work", "other.kind", "failed: often", 1),
                ("work", "test.kind", "failed: rare", 1), ("mail", "test.kind", "failed: rare", 1)], ignoreOrder: true);
    }

    [Fact]
    public async Task A_requeued_one_is_due_now_and_counted_afresh_with_its_id_and_body()
    {
        var node = await JoinAsync("doomed");
        var id = await EnqueueAsync(Message("""{"n":1}"""));
        await ClaimOneAsync(node);
        await DieAsync();
        node = await JoinAsync();
        (await SettleAsync((await ClaimOneAsync(node)).Reject())).ShouldBeTrue();
        Clock.Advance(TimeSpan.FromDays(30));

        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        (await InfoAsync(id)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Queued), m => m.DueAt.ShouldBe(Clock.Now),
                m => m.Attempt.ShouldBe(0), m => m.Deaths.ShouldBe(0), m => m.Reason.ShouldBeNull(), m => m.Cause.ShouldBeNull(),
            m => m.EndedAt.ShouldBeNull());
        (await ClaimOneAsync(node)).ShouldSatisfyAllConditions(
            m => m.Claim.Id.ShouldBe(id),
                m => m.Attempt.ShouldBe(1), m => m.Deaths.ShouldBe(0), m => m.Body.ToArray().ShouldBe(Bytes("""{"n":1}""")));
        (await Store.DeadLetters.GroupsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_payload_can_be_edited_while_it_is_requeued()
    {
        var node = await JoinAsync();
        var id = await DeadAsync(node, Message("""{"n":"one"}"""));
        (await Store.DeadLetters.RequeueAsync(id, Bytes("""{"n":1}"""))).ShouldBeTrue();
        (await ClaimOneAsync(node)).Body.ToArray().ShouldBe(Bytes("""{"n":1}"""));
    }

    [Fact]
    public async Task The_claim_that_gave_it_up_settles_nothing_after_the_requeue()
    {
        var node = await JoinAsync();
        var id = await EnqueueAsync();
        var old = await ClaimOneAsync(node);
        await SettleAsync(old.Reject());
        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        var heir = await ClaimOneAsync(node);
        (await SettleAsync(old.Done())).ShouldBeFalse();
        (await SettleAsync(heir.Done())).ShouldBeTrue();
    }

    [Fact]
    public async Task Only_a_dead_letter_is_requeued_or_discarded_and_once()
    {
        var node = await JoinAsync();
        var waiting = await EnqueueAsync(Message() with { Queue = "other" });
        var one = await DeadAsync(node);
        var two = await DeadAsync(node);

        (await Store.DeadLetters.RequeueAsync(waiting)).ShouldBeFalse();
        (await Store.DeadLetters.DiscardAsync(waiting, "why")).ShouldBeFalse();
        (await Store.DeadLetters.RequeueAsync(new MessageId(long.MaxValue))).ShouldBeFalse();
        (await Store.DeadLetters.RequeueAsync(one)).ShouldBeTrue();
        (await Store.DeadLetters.RequeueAsync(one)).ShouldBeFalse();
        (await Store.DeadLetters.DiscardAsync(two, "nobody needs it")).ShouldBeTrue();
        (await Store.DeadLetters.DiscardAsync(two, "again")).ShouldBeFalse();
        (await Store.DeadLetters.RequeueAsync(two)).ShouldBeFalse();
        (await InfoAsync(two)).ShouldSatisfyAllConditions(
            m => m.Status.ShouldBe(MessageStatus.Cancelled), m => m.Reason.ShouldBe("nobody needs it"));
    }

    [Fact]
    public async Task All_that_fit_a_filter_are_requeued_whatever_their_number()
    {
        var node = await JoinAsync();
        var many = await EnqueueAsync(450);
        await Store.Messages.SettleAsync([.. (await ClaimAsync(node, 1000)).Select(m => m.Reject("down"))], null, default);
        var otherCause = await DeadAsync(node, reason: "bad account");
        var otherQueue = await DeadAsync(node, Message() with { Queue = "mail" }, "down");
        var otherKind = await DeadAsync(node, Message() with { Kind = "other.kind" }, "down");
        var owned = await DeadAsync(node, Message() with { Owner = "tenant-1" }, "down");

        // Neither the limit nor the status of the filter counts.
        (await Store.DeadLetters.RequeueAsync(
            new MessageFilter { Cause = "failed: bad account", Limit = 1, Status = MessageStatus.Queued })).ShouldBe(1);
        (await StatusAsync(otherCause)).ShouldBe(MessageStatus.Queued);
        (await Store.DeadLetters.RequeueAsync(new MessageFilter { Owner = "tenant-1" })).ShouldBe(1);
        (await StatusAsync(owned)).ShouldBe(MessageStatus.Queued);
        (await Store.DeadLetters.RequeueAsync(new MessageFilter { Queue = Work, Kind = "test.kind", Limit = 1 })).ShouldBe(450);
        (await ClaimedIdsAsync(node, 1000)).ShouldBe([.. many, otherCause, owned]);
        (await StatusAsync(otherQueue)).ShouldBe(MessageStatus.Dead);
        (await StatusAsync(otherKind)).ShouldBe(MessageStatus.Dead);
        (await Store.DeadLetters.RequeueAsync(new MessageFilter())).ShouldBe(2);
    }

    [Fact]
    public async Task Requeues_of_one_at_the_same_time_happen_once()
    {
        var id = await DeadAsync(await JoinAsync());
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ => await Store.DeadLetters.RequeueAsync(id)));
        answers.Count(a => a).ShouldBe(1);
        (await InfoAsync(id)).Attempts.Count(a => a.Outcome == AttemptOutcome.Requeue).ShouldBe(1);
    }
}
