using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>Whoever lost his claim changes nothing, whatever he believes.</summary>
public abstract class FencingContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    public static TheoryData<string> Ends => ["done", "retry", "snooze", "handback", "reject", "cancel"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_claim_that_was_taken_over_settles_nothing(string end)
    {
        var (zombie, heir) = await TakenOverAsync();
        var before = await InfoAsync(heir.Claim.Id);
        (await SettleAsync(End(zombie, end))).ShouldBeFalse();
        await ShouldBeUntouched(before);
        (await SettleAsync(heir.Done())).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_claim_whose_message_was_handed_back_settles_nothing(string end)
    {
        await EnqueueAsync(Message() with { Tracked = true });
        var zombie = await ClaimOneAsync(await JoinAsync("doomed"));
        await DieAsync();
        var before = await InfoAsync(zombie.Claim.Id);
        (await SettleAsync(End(zombie, end))).ShouldBeFalse();
        await ShouldBeUntouched(before);
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_claim_settles_once(string end)
    {
        await EnqueueAsync(Message() with { Tracked = true });
        var claimed = await ClaimOneAsync(await JoinAsync());
        (await SettleAsync(End(claimed, end))).ShouldBeTrue();
        var before = await InfoAsync(claimed.Claim.Id);
        foreach (var again in Ends) (await SettleAsync(End(claimed, again))).ShouldBeFalse();
        await ShouldBeUntouched(before);
    }

    [Fact]
    public async Task A_claim_that_was_lost_loses_its_effect_with_its_transaction()
    {
        var (zombie, heir) = await TakenOverAsync();
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 1);
            (await SettleAsync(zombie.Done(), work.Transaction)).ShouldBeFalse();
            await work.RollbackAsync();
        }

        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 1);
            (await SettleAsync(heir.Done(), work.Transaction)).ShouldBeTrue();
            await work.CommitAsync();
        }

        (await EffectsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Of_two_settlements_at_the_same_time_one_takes_effect()
    {
        for (var round = 0; round < 20; round++)
        {
            await EnqueueAsync();
            var claimed = await ClaimOneAsync(await JoinAsync());
            var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => SettleAsync(claimed.Done())));
            answers.Count(a => a).ShouldBe(1);
        }
    }

    [Fact]
    public async Task A_settlement_that_changed_nothing_frees_neither_a_unique_key_nor_an_ordering_key()
    {
        await EnqueueAsync(Message() with { UniqueKey = "u", OrderingKey = "o" });
        await EnqueueAsync(Message() with { OrderingKey = "o" });
        var zombie = await ClaimOneAsync(await JoinAsync("doomed"));
        await DieAsync();
        var node = await JoinAsync();
        await ClaimOneAsync(node);
        (await SettleAsync(zombie.Done())).ShouldBeFalse();
        (await Store.Messages.EnqueueAsync([Message() with { UniqueKey = "u" }], null, default))[0].IsDuplicate.ShouldBeTrue();
        (await ClaimAsync(node)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Progress_reported_under_a_lost_claim_is_not_stored()
    {
        var (zombie, heir) = await TakenOverAsync();
        await Store.Messages.ReportAsync(
            [(heir.Claim, new Progress(5, 10, null, null)), (zombie.Claim, new Progress(9, 10, null, null))], default);
        (await InfoAsync(heir.Claim.Id)).Progress.ShouldBe(new Progress(5, 10, null, null));
    }

    [Fact]
    public async Task A_suspect_is_not_started_under_a_lost_claim()
    {
        var (zombie, heir) = await TakenOverAsync();
        (await Store.Messages.StartAsync([zombie.Claim, heir.Claim], alone: false, default)).ShouldBe([false, true]);
    }

    private async Task ShouldBeUntouched(MessageInfo before)
    {
        var after = await InfoAsync(before.Id);
        after.Attempts.ShouldBe(before.Attempts);
        (after with { Attempts = [], Headers = before.Headers, Body = before.Body }).ShouldBe(before with { Attempts = [] });
    }

    private async Task<(ClaimedMessage Zombie, ClaimedMessage Heir)> TakenOverAsync()
    {
        await EnqueueAsync(Message() with { Tracked = true });
        var zombie = await ClaimOneAsync(await JoinAsync("doomed"));
        await DieAsync();
        var heir = await ClaimOneAsync(await JoinAsync("heir"));
        heir.Claim.Id.ShouldBe(zombie.Claim.Id);
        return (zombie, heir);
    }

    private static Settlement End(ClaimedMessage message, string end) => end switch
    {
        "done" => message.Done(),
        "retry" => message.Retry(TimeSpan.FromHours(1)),
        "snooze" => message.Snooze(TimeSpan.FromHours(1)),
        "handback" => message.HandBack(),
        "reject" => message.Reject(),
        _ => message.Cancelled(),
    };
}
