using System.Security.Cryptography;
using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class IdempotencyContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly byte[] Key = SHA256.HashData("key"u8);
    private static readonly byte[] Fingerprint = SHA256.HashData("request"u8);
    private static readonly StoredAnswer Created = new(
        201, new Dictionary<string, string> { ["Location"] = "/transfers/7", ["Content-Type"] = "application/json" },
        """{"id":"7"}"""u8.ToArray());

    [Fact]
    public async Task A_key_a_request_and_its_effect_commit_together_and_are_found_again()
    {
        await AnswerAsync();
        await using var work = await Store.Database.BeginAsync();
        var found = await TakeAsync(work);
        found.State.ShouldBe(KeyState.Answered);
        found.Fingerprint.ToArray().ShouldBe(Fingerprint);
        var answer = found.Answer.ShouldNotBeNull();
        answer.Status.ShouldBe(201);
        answer.Headers.ShouldBe(Created.Headers, ignoreOrder: true);
        answer.Body.ToArray().ShouldBe(Created.Body.ToArray());
        await work.CommitAsync();
        (await EffectsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Neither_the_key_nor_the_effect_of_a_rolled_back_request_remains()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            (await TakeAsync(work)).State.ShouldBe(KeyState.Taken);
            await EffectAsync(work.Transaction, 1);
            await Store.Idempotency.AnswerAsync(Key, Of(Created), work, default);
        }

        (await EffectsAsync()).ShouldBe(0);
        await using var again = await Store.Database.BeginAsync();
        (await TakeAsync(again)).State.ShouldBe(KeyState.Taken);
    }

    [Fact]
    public async Task An_answer_that_commits_is_kept_with_its_effect_and_where_there_is_one_nothing_is()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            (await TakeAsync(work)).State.ShouldBe(KeyState.Taken);
            await EffectAsync(work.Transaction, 1);
            await Store.Idempotency.AnswerAndCommitAsync(Key, Of(Created), work);
            Should.Throw<InvalidOperationException>(() => work.Transaction);
        }

        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 2);
            await Should.ThrowAsync<InvalidOperationException>(
                async () => await Store.Idempotency.AnswerAndCommitAsync(Key, Of(Created), work));
        }

        await using var again = await Store.Database.BeginAsync();
        (await TakeAsync(again)).Answer.ShouldNotBeNull().Status.ShouldBe(201);
        await again.CommitAsync();
        (await EffectsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_without_headers_or_body_is_one_too()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            await TakeAsync(work);
            await Store.Idempotency.AnswerAsync(Key, Of(new StoredAnswer(204, new Dictionary<string, string>(), default)), work, default);
            await work.CommitAsync();
        }

        await using var again = await Store.Database.BeginAsync();
        (await TakeAsync(again)).Answer.ShouldNotBeNull().ShouldSatisfyAllConditions(
            a => a.Status.ShouldBe(204), a => a.Headers.ShouldBeEmpty(), a => a.Body.Length.ShouldBe(0));
    }

    [Fact]
    public async Task Taking_alone_leaves_nothing_behind()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            (await TakeAsync(work)).State.ShouldBe(KeyState.Taken);
            await work.CommitAsync();
        }

        (await StateAsync()).ShouldBe(KeyState.Taken);
    }

    [Fact]
    public async Task A_key_that_an_earlier_version_took_and_never_answered_is_not_run_again()
    {
        await AnswerAsync();
        await using (var connection = await Fixture.ConnectAsync())
        {
            await using var forget = connection.CreateCommand();
            forget.CommandText = $"UPDATE {Fixture.IdempotencyTable} SET status = NULL, headers = NULL, body = NULL";
            await forget.ExecuteNonQueryAsync();
        }

        (await StateAsync()).ShouldBe(KeyState.InProgress);
    }

    [Fact]
    public async Task An_answer_is_given_once()
    {
        await using var work = await Store.Database.BeginAsync();
        await TakeAsync(work);
        await Store.Idempotency.AnswerAsync(Key, Of(Created), work, default);
        await Should.ThrowAsync<InvalidOperationException>(
            async () => await Store.Idempotency.AnswerAsync(Key, Of(Created), work, default));
    }

    [Fact]
    public async Task A_key_whose_time_is_over_is_answered_anew()
    {
        await AnswerAsync();
        Clock.Advance(Day);
        await AnswerAsync(effect: 2);
        (await StateAsync()).ShouldBe(KeyState.Answered);
        (await EffectsAsync()).ShouldBe(2);
        (await Store.Idempotency.PruneAsync(10, default)).ShouldBe(0);
    }

    [Fact]
    public async Task A_record_is_kept_for_its_time_and_then_the_key_is_free()
    {
        await AnswerAsync();
        Clock.Advance(Day - TimeSpan.FromMilliseconds(1));
        (await StateAsync()).ShouldBe(KeyState.Answered);
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await StateAsync()).ShouldBe(KeyState.Taken);
    }

    [Fact]
    public async Task Reading_an_answer_does_not_make_it_live_longer()
    {
        await AnswerAsync();
        Clock.Advance(Day - TimeSpan.FromSeconds(1));
        (await StateAsync()).ShouldBe(KeyState.Answered);
        Clock.Advance(TimeSpan.FromSeconds(1));
        (await StateAsync()).ShouldBe(KeyState.Taken);
    }

    [Fact]
    public async Task Records_whose_time_is_over_are_pruned_within_the_limit()
    {
        for (var i = 0; i < 5; i++) await AnswerAsync(SHA256.HashData([(byte)i]), effect: i);
        await AnswerAsync(SHA256.HashData([99]), effect: 99, keepFor: Day * 2);
        (await Store.Idempotency.PruneAsync(100, default)).ShouldBe(0);
        Clock.Advance(Day);
        var pruned = new List<int>();
        for (var i = 0; i < 4; i++) pruned.Add(await Store.Idempotency.PruneAsync(2, default));
        pruned.ShouldBe([2, 2, 1, 0]);
        (await StateAsync(SHA256.HashData([99]))).ShouldBe(KeyState.Answered);
    }

    [Fact]
    public async Task Of_many_requests_with_one_key_at_the_same_time_one_has_an_effect()
    {
        var other = await Fixture.OpenAsync(Clock);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => RequestAsync(i % 2 == 0 ? Store : other, i)))
            .WaitAsync(Patience);
        answers.Distinct().ShouldHaveSingleItem();
        (await EffectsAsync()).ShouldBe(1);
    }

    /// <summary>What an idempotent endpoint does; a key in progress is asked for again.</summary>
    private static async Task<string> RequestAsync(OpenStore store, int number)
    {
        while (true)
        {
            await using var work = await store.Database.BeginAsync();
            var held = await store.Idempotency.TakeAsync(Key, work, default);
            if (held.State == KeyState.InProgress) continue;
            if (held.Answer is { } answer)
            {
                await work.CommitAsync();
                return Convert.ToHexString(answer.Body.Span);
            }

            await EffectAsync(work.Transaction, number);
            await store.Idempotency.AnswerAsync(
                Key, Of(new StoredAnswer(201, new Dictionary<string, string>(), new[] { (byte)number })), work, default);
            await work.CommitAsync();
            return Convert.ToHexString([(byte)number]);
        }
    }

    private async Task AnswerAsync(byte[]? key = null, long effect = 1, TimeSpan? keepFor = null)
    {
        await using var work = await Store.Database.BeginAsync();
        (await Store.Idempotency.TakeAsync(key ?? Key, work, default)).State.ShouldBe(KeyState.Taken);
        await EffectAsync(work.Transaction, effect);
        await Store.Idempotency.AnswerAsync(key ?? Key, Of(Created, keepFor), work, default);
        await work.CommitAsync();
    }

    private static KeyRecord Of(StoredAnswer answer, TimeSpan? keepFor = null) => new(answer, Fingerprint, keepFor ?? Day);

    private async Task<KeyAnswer> TakeAsync(UnitOfWork work) => await Store.Idempotency.TakeAsync(Key, work, default);

    /// <summary>What a request would find; it leaves nothing behind.</summary>
    private async Task<KeyState> StateAsync(byte[]? key = null)
    {
        await using var work = await Store.Database.BeginAsync();
        return (await Store.Idempotency.TakeAsync(key ?? Key, work, default)).State;
    }
}
