using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>
/// Text of any sort, in every column that takes text: what describes is made storable, what names is kept as it is or refused, and nothing
/// fails half way.
/// </summary>
public abstract class TextContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    // Each is a round trip or several.
    private static readonly int Count = Counts.Of(600);

    [Fact]
    public async Task Whatever_text_an_attempt_ends_with_its_end_is_stored_and_says_it()
    {
        var node = await JoinAsync();
        foreach (var text in Texts.Any.Many(Count))
        {
            var kept = Texts.Kept(text);
            var id = await EnqueueAsync(Message() with { Tracked = true });
            var claimed = await ClaimOneAsync(node);
            await Store.Messages.ReportAsync([(claimed.Claim, new Progress(1, 2, text, text))], default);
            (await InfoAsync(id)).Progress.ShouldBe(new Progress(1, 2, kept, kept));

            var retry = claimed.Retry(TimeSpan.Zero) with
            {
                Reason = text, Cause = text, Error = text, Progress = new Progress(2, 2, text, text),
            };
            (await SettleAsync(retry)).ShouldBeTrue();
            var info = await InfoAsync(id);
            (info.Reason, info.Cause, info.Progress).ShouldBe((kept, kept, new Progress(2, 2, kept, kept)));
            info.Attempts[^1].Error.ShouldBe(kept);

            claimed = await ClaimOneAsync(node);
            (await SettleAsync(claimed.Done(new JobResult(text, "text/plain")) with { Progress = new Progress(3, 3, text, text) }))
                .ShouldBeTrue();
            (await InfoAsync(id)).Result.ShouldBe(new JobResult(kept, "text/plain"));
        }
    }

    [Fact]
    public async Task Whatever_text_a_message_dies_or_is_cancelled_with_it_ends()
    {
        var node = await JoinAsync();
        foreach (var text in Texts.Short.Many(Count))
        {
            var kept = Texts.Kept(text);
            var id = await EnqueueAsync();
            var claimed = await ClaimOneAsync(node);
            (await SettleAsync(claimed.Reject() with { Reason = text, Cause = text, Error = text })).ShouldBeTrue();
            var info = await InfoAsync(id);
            (info.Status, info.Reason, info.Cause, info.Attempts[^1].Error).ShouldBe((MessageStatus.Dead, kept, kept, kept));
            (await Store.DeadLetters.GroupsAsync()).ShouldContain(g => g.Cause == kept);
            // An operator who types what he read finds it.
            (await Store.Reader.ListAsync(new MessageFilter { Cause = kept }, default)).Items.ShouldContain(m => m.Id == id);
            (await Store.DeadLetters.DiscardAsync(id, "why: " + text)).ShouldBeTrue();
            (await InfoAsync(id)).Reason.ShouldBe("why: " + kept);

            var waiting = await EnqueueAsync(Message() with { Delay = TimeSpan.FromHours(1) });
            (await Store.Messages.CancelAsync(waiting, text, null, default)).ShouldBe(CancelAnswer.Cancelled);
            (await InfoAsync(waiting)).Reason.ShouldBe(kept);

            var running = await EnqueueAsync();
            claimed = await ClaimOneAsync(node);
            (await Store.Messages.CancelAsync(running, text, null, default)).ShouldBe(CancelAnswer.Requested);
            (await SettleAsync(claimed.Cancelled(null))).ShouldBeTrue();
            (await InfoAsync(running)).Reason.ShouldBe(kept);
        }
    }

    [Fact]
    public async Task Whatever_a_node_or_a_pause_says_is_stored()
    {
        foreach (var text in Texts.Short.Many(Count / 4))
        {
            var kept = Texts.Kept(text);
            var id = await EnqueueAsync(Message() with { Queue = "said" });
            var node = await JoinAsync("node " + text);
            var claimed = (await ClaimAsync(node, 1, "said")).ShouldHaveSingleItem();
            (await SettleAsync(claimed.Reject())).ShouldBeTrue();
            (await InfoAsync(id)).Attempts[^1].Node.ShouldBe("node " + kept);
            await Store.Queues.PauseAsync("paused", "why: " + text);
            (await Store.Queues.ListAsync()).Single(q => q.Queue == "paused").PausedReason.ShouldBe("why: " + kept);
        }

        await Should.ThrowAsync<ArgumentException>(async () => await Store.Queues.PauseAsync("a\ud83d", "why"));
        await Should.ThrowAsync<ArgumentException>(async () => await Store.Queues.ResumeAsync("No Such Name"));
    }

    [Fact]
    public async Task A_discarded_dead_letters_reason_is_cut_at_whole_characters()
    {
        var id = await DeadAsync(await JoinAsync());
        (await Store.DeadLetters.DiscardAsync(id, new string('x', 498) + "😀 more")).ShouldBeTrue();
        (await InfoAsync(id)).Reason.ShouldBe(new string('x', 498) + "…");
    }

    [Fact]
    public async Task A_name_is_kept_as_it_is_or_refused_before_anything_happens()
    {
        var node = await JoinAsync();
        var number = 0;
        foreach (var text in Texts.Short.Many(Count).Append("a\0").Append("a\ud83d").Append("\ude00"))
        {
            NewMessage[] named =
            [
                Message() with { OrderingKey = text }, Message() with { UniqueKey = text }, Message() with { Owner = text }, Message() with
                {
                    UniqueKey = $"{number++}", Owner = text, OrderingKey = text,
                },
                Message() with { Headers = new Dictionary<string, string> { [text] = "value" } }, Message() with
                {
                    Headers = new Dictionary<string, string> { ["name"] = text },
                },
            ];
            foreach (var message in named)
            {
                if (!Texts.IsWhole(text))
                {
                    await Should.ThrowAsync<ArgumentException>(async () => await EnqueueAsync(message));
                    continue;
                }

                var id = await EnqueueAsync(message);
                var info = await InfoAsync(id);
                (info.OrderingKey, info.Owner).ShouldBe((message.OrderingKey, message.Owner));
                info.Headers.ShouldBe(message.Headers);
                if (message.UniqueKey is not null)
                    (await Store.Messages.EnqueueAsync([message], null, default)).ShouldBe([new Enqueued(id, IsDuplicate: true)]);
                if (message.Owner is not null)
                    (await Store.Reader.ListAsync(new MessageFilter { Owner = text }, default)).Items.ShouldContain(m => m.Id == id);
                var claimed = (await ClaimAsync(node)).Single(m => m.Claim.Id == id);
                (claimed.OrderingKey, claimed.Owner).ShouldBe((message.OrderingKey, message.Owner));
                claimed.Headers.ShouldBe(message.Headers);
                (await SettleAsync(claimed.Done())).ShouldBeTrue();
            }
        }

        (await Store.Reader.ListAsync(new MessageFilter(), default)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refused_name_leaves_the_callers_transaction_as_it_was()
    {
        await using (var work = await Store.Database.BeginAsync())
        {
            await EffectAsync(work.Transaction, 1);
            await Should.ThrowAsync<ArgumentException>(
                async () => await Store.Messages.EnqueueAsync([Message() with { OrderingKey = "a\ud83d" }], work.Transaction, default));
            await EffectAsync(work.Transaction, 2);
            await work.CommitAsync();
        }

        (await EffectsAsync()).ShouldBe(2);
    }

    [Fact]
    public async Task An_uploads_owner_and_what_is_said_of_it_are_kept_as_they_are_or_refused()
    {
        var number = 0;
        foreach (var text in Texts.Short.Many(Count / 2).Append("a\0").Append("a\ud83d"))
        {
            var upload = new NewUpload
            {
                Id = $"{++number:x8}", Route = "/files", Owner = text, Metadata = new Dictionary<string, string> { ["filename"] = text },
            };
            if (!Texts.IsWhole(text))
            {
                await Should.ThrowAsync<ArgumentException>(
                    async () => await Store.Uploads.AddAsync(upload, TimeSpan.FromHours(1), 1000, default));
                await Should.ThrowAsync<ArgumentException>(
                    async () => await Store.Uploads.AddAsync(upload with { Owner = "owner" }, TimeSpan.FromHours(1), 1000, default));
                (await Store.Uploads.ExistsAsync(upload.Id, default)).ShouldBeFalse();
                continue;
            }

            var stored = (await Store.Uploads.AddAsync(upload, TimeSpan.FromHours(1), 1000, default)).ShouldNotBeNull();
            stored.Owner.ShouldBe(text);
            stored.Metadata["filename"].ShouldBe(text);
        }
    }

    [Fact]
    public async Task An_API_keys_principal_is_kept_as_it_is_or_refused()
    {
        var number = 0;
        foreach (var text in Texts.Short.Many(Count / 2).Append("a\0").Append("a\ud83d"))
        {
            var key = new ApiKeyRecord
            {
                Prefix = $"{++number:x8}", Digest = new byte[32], Principal = text, Scopes = ["read"], CreatedAt = Clock.Now,
            };
            if (Texts.IsWhole(text))
            {
                await Store.ApiKeys.AddAsync(key, default);
                (await Store.ApiKeys.FindAsync(key.Prefix, default)).ShouldNotBeNull().Principal.ShouldBe(text);
                (await Store.ApiKeys.ListAsync(text, null, 10, default)).ShouldContain(k => k.Prefix == key.Prefix);
                continue;
            }

            await Should.ThrowAsync<ArgumentException>(async () => await Store.ApiKeys.AddAsync(key, default));
            (await Store.ApiKeys.FindAsync(key.Prefix, default)).ShouldBeNull();
        }
    }
}
