using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class UniqueKeyContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_second_enqueue_stores_nothing_and_answers_with_the_first()
    {
        var first = await UniqueAsync("u");
        first.IsDuplicate.ShouldBeFalse();
        (await UniqueAsync("u")).ShouldBe(new Enqueued(first.Id, IsDuplicate: true));
        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_duplicate_within_a_batch_is_found()
    {
        var answers = await Store.Messages.EnqueueAsync([Unique("u"), Unique("v"), Unique("u")], null, default);
        answers.Select(a => a.IsDuplicate).ShouldBe([false, false, true]);
        answers[2].Id.ShouldBe(answers[0].Id);
    }

    [Fact]
    public async Task A_key_is_unique_within_its_kind_across_queues()
    {
        var first = await UniqueAsync("u");
        (await EnqueuedAsync(Unique("u") with { Kind = "other.kind" })).IsDuplicate.ShouldBeFalse();
        (await EnqueuedAsync(Unique("u") with { Queue = "other" })).ShouldBe(new Enqueued(first.Id, IsDuplicate: true));
    }

    [Theory]
    [InlineData(false, "done")]
    [InlineData(true, "done")]
    [InlineData(false, "cancel")]
    public async Task A_key_without_a_window_is_free_when_its_message_has_finished(bool tracked, string end)
    {
        await EnqueueAsync(Unique("u") with { Tracked = tracked });
        var claimed = await ClaimOneAsync(await JoinAsync());
        claimed.HoldsUniqueKey.ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeTrue();
        (await SettleAsync(end == "done" ? claimed.Done() : claimed.Cancelled())).ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task Cancelling_a_waiting_message_frees_its_key()
    {
        var id = (await UniqueAsync("u")).Id;
        (await Store.Messages.CancelAsync(id, "why", null, default)).ShouldBe(CancelAnswer.Cancelled);
        (await UniqueAsync("u")).IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task A_retry_and_a_dead_letter_keep_the_key_and_discarding_frees_it()
    {
        var node = await JoinAsync();
        var id = (await UniqueAsync("u")).Id;
        (await SettleAsync((await ClaimOneAsync(node)).Retry(TimeSpan.Zero))).ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeTrue();
        (await SettleAsync((await ClaimOneAsync(node)).Reject())).ShouldBeTrue();
        (await UniqueAsync("u")).ShouldBe(new Enqueued(id, IsDuplicate: true));
        (await Store.DeadLetters.DiscardAsync(id, "nobody needs it")).ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task A_dead_letter_that_succeeds_after_its_requeue_frees_its_key()
    {
        var node = await JoinAsync();
        var id = await DeadAsync(node, Unique("u"));
        (await Store.DeadLetters.RequeueAsync(id)).ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeTrue();
        (await SettleAsync((await ClaimOneAsync(node)).Done())).ShouldBeTrue();
        (await UniqueAsync("u")).IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task A_window_holds_the_key_for_its_time_whether_or_not_the_message_has_finished()
    {
        var first = await EnqueuedAsync(Unique("u") with { UniqueFor = Hour });
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).Done())).ShouldBeTrue();
        Clock.Advance(Hour - TimeSpan.FromMilliseconds(1));
        (await UniqueAsync("u")).ShouldBe(new Enqueued(first.Id, IsDuplicate: true));
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await UniqueAsync("u")).IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task A_window_that_is_over_frees_the_key_of_an_unfinished_message()
    {
        await EnqueuedAsync(Unique("u") with { UniqueFor = Hour });
        Clock.Advance(Hour);
        var second = await EnqueuedAsync(Unique("u") with { UniqueFor = Hour });
        second.IsDuplicate.ShouldBeFalse();

        // The first one's end must not free what the second one holds now.
        (await SettleAsync((await ClaimOneAsync(await JoinAsync())).Done())).ShouldBeTrue();
        (await UniqueAsync("u")).ShouldBe(new Enqueued(second.Id, IsDuplicate: true));
    }

    [Fact]
    public async Task Of_many_enqueues_at_the_same_time_over_two_nodes_one_is_stored()
    {
        var other = await Fixture.OpenAsync(Clock);
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
            (await (i % 2 == 0 ? Store : other).Messages.EnqueueAsync([Unique("u")], null, default))[0]));
        answers.Count(a => !a.IsDuplicate).ShouldBe(1);
        answers.Select(a => a.Id).Distinct().ShouldHaveSingleItem();
    }

    private static NewMessage Unique(string key) => Message() with { UniqueKey = key };

    private Task<Enqueued> UniqueAsync(string key) => EnqueuedAsync(Unique(key));

    private async Task<Enqueued> EnqueuedAsync(NewMessage message) => (await Store.Messages.EnqueueAsync([message], null, default))[0];
}
