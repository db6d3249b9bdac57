using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract.Model;

/// <summary>Takes the steps of a story on the store and on the model, and compares what both say after each.</summary>
internal sealed class Story(OpenStore store, ManualTime clock, int mostMisses)
{
    // Few names, so that messages meet.
    private static readonly string[] Queues = ["a", "a", "a", "b"];
    private static readonly string?[] OrderingKeys = [null, "x", "x", "y"];
    private static readonly string?[] UniqueKeys = [null, null, "u"];
    private static readonly TimeSpan[] Delays = [TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromSeconds(
        2), TimeSpan.FromSeconds(20)];
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private readonly ModelStore model = new(clock);
    private readonly List<NodeId> nodes = [];
    private readonly List<MessageId> ids = [];

    // Every claim ever made: the stale ones are the interesting ones.
    private readonly List<ClaimedMessage> claims = [];

    public async Task TakeAsync(IEnumerable<Step> steps)
    {
        foreach (var step in steps)
        {
            await TakeAsync(step);
            await CompareAsync();
        }

        await CompareHistoriesAsync();
    }

    private async Task TakeAsync(Step step)
    {
        switch (step.Happening)
        {
            case Happening.Enqueue: await EnqueueAsync(step); break;
            case Happening.Claim: await ClaimAsync(await NodeAsync(step.A), step); break;
            case Happening.Settle when claims.Count > 0: await SettleAsync(Claimed(step.A), step); break;
            case Happening.Start when claims.Count > 0:
                // Only suspects are noted when they start.
                if (Claimed(step.A) is not { Deaths: > 0, Claim: var started }) break;
                (await store.Messages.StartAsync([started], alone: step.B % 3 == 0, default)).ShouldBe(
                    [model.Start(started, alone: step.B % 3 == 0)]);
                break;
            case Happening.Report when claims.Count > 0:
                var (reported, progress) = (Claimed(step.A).Claim, new Progress(step.B, step.C, "rows", null));
                await store.Messages.ReportAsync([(reported, progress)], default);
                model.Report(reported, progress);
                break;
            case Happening.Cancel when ids.Count > 0:
                var cancelled = Recent(ids, step.A);
                (await store.Messages.CancelAsync(cancelled, $"reason {step.B}", null, default)).ShouldBe(
                    model.Cancel(cancelled, $"reason {step.B}"));
                break;
            case Happening.Join: await JoinAsync(); break;
            case Happening.Heartbeat when nodes.Count > 0:
                var beating = Recent(nodes, step.A);
                (await store.Nodes.HeartbeatAsync(beating, Lease, default)).ShouldBe(model.Heartbeat(beating, Lease));
                break;
            case Happening.Leave when nodes.Count > 0:
                var leaving = Recent(nodes, step.A);
                await store.Nodes.LeaveAsync(leaving, default);
                model.Leave(leaving);
                break;
            case Happening.Rescue: await RescueAsync(); break;
            case Happening.TimePasses: clock.Advance(TimeSpan.FromMilliseconds(step.A * 7)); break;
            case Happening.LeasesRunOut: clock.Advance(Lease); break;
            case Happening.Requeue when ids.Count > 0:
                var requeued = Dead(step.A);
                (await store.DeadLetters.RequeueAsync(requeued)).ShouldBe(model.Requeue(requeued));
                break;
            case Happening.RequeueAll: (await store.DeadLetters.RequeueAsync(new MessageFilter { Queue = Of(Queues, step.A) })).ShouldBe(
                model.RequeueAll(Of(Queues, step.A))); break;
            case Happening.Discard when ids.Count > 0:
                var discarded = Dead(step.A);
                (await store.DeadLetters.DiscardAsync(discarded, "nobody needs it")).ShouldBe(model.Discard(discarded));
                break;
            case Happening.Pause:
                await store.Queues.PauseAsync(Of(Queues, step.A), "why");
                model.Pause(Of(Queues, step.A));
                break;
            case Happening.Resume:
                await store.Queues.ResumeAsync(Of(Queues, step.A));
                model.Resume(Of(Queues, step.A));
                break;
            case Happening.Prune:
                // Far enough, now and then, for something to be over.
                if (step.A < 300) clock.Advance(Endings.Retention);
                (await store.Messages.PruneAsync(1000, default)).ShouldBe(model.Prune());
                break;
        }
    }

    private async Task EnqueueAsync(Step step)
    {
        var message = new NewMessage
        {
            Kind = "test.kind", Version = 1, Body = "{}"u8.ToArray(), Queue = Of(
                Queues, step.A), OrderingKey = Of(OrderingKeys, step.A / 10), UniqueKey = Of(UniqueKeys, step.A / 100),
            UniqueFor = step.B % 2 == 0 ? null : TimeSpan.FromSeconds(
                10), Delay = Of(Delays, step.B / 10), Priority = (Priority)(step.B / 100 % 3), Tracked = step.C % 2 == 0,
        };
        var answer = (await store.Messages.EnqueueAsync([message], null, default)).ShouldHaveSingleItem();
        if (model.Holder(message) is { } holder)
        {
            answer.ShouldBe(new Enqueued(holder, IsDuplicate: true));
            return;
        }

        answer.IsDuplicate.ShouldBeFalse();
        model.Enqueue(answer.Id, message);
        ids.Add(answer.Id);
    }

    private async Task<NodeId> JoinAsync()
    {
        var node = (await store.Nodes.JoinAsync($"node {nodes.Count}", Lease, default)).ShouldNotBeNull();
        model.Join(node, Lease);
        nodes.Add(node);
        return node;
    }

    /// <summary>A living node, mostly.</summary>
    private async Task<NodeId> NodeAsync(int number)
    {
        if (number % 8 == 0 && nodes.Count > 0) return Recent(nodes, number / 8);
        var living = nodes.FindAll(model.IsAlive);
        return living.Count == 0 ? await JoinAsync() : Recent(living, number);
    }

    /// <summary>A claim that holds, mostly.</summary>
    private ClaimedMessage Claimed(int number)
    {
        var held = claims.FindAll(m => model.Holds(m.Claim));
        return number % 8 == 0 || held.Count == 0 ? Recent(claims, number / 8) : Recent(held, number);
    }

    /// <summary>A dead letter, mostly.</summary>
    private MessageId Dead(int number)
    {
        var dead = model.Messages.Where(m => m.Place == Place.Dead).Select(m => m.Id).ToList();
        return number % 8 == 0 || dead.Count == 0 ? Recent(ids, number / 8) : Recent(dead, number);
    }

    private async Task ClaimAsync(NodeId node, Step step)
    {
        var demand = new QueueDemand(Of(Queues, step.B), 1 + step.B / 10 % 3, LowestFirst: step.C % 8 == 7);
        var claimed = await store.Messages.ClaimAsync(node, [demand], default);
        (claimed is not null).ShouldBe(model.IsAlive(node));
        if (claimed is null) return;
        var turn = model.Claimable(demand).Take(demand.Limit).ToList();
        var taken = (mostMisses == 0 ? turn : model.ClaimableLate(demand))
            .Where(m => mostMisses == 0 || claimed.Any(c => c.Claim.Id == m.Id)).ToList();
        claimed.Count.ShouldBeLessThanOrEqualTo(demand.Limit);
        taken.DistinctBy(m => m.Line).Count().ShouldBe(taken.Count, "two of one key at once");
        foreach (var message in taken) model.Claim(message, node);
        // In the right order, whatever is left out.
        claimed.Select(m => (m.Claim, m.Attempt, m.Deaths, m.DiedAlone, m.CancelReason, m.DueAt)).ShouldBe(
            taken.Select(m => (new Claim(m.Id, m.Claim), m.Attempt + 1, m.Deaths, m.DiedAlone, m.CancelReason, m.DueAt)));
        foreach (var message in turn.Where(m => m.Place == Place.Waiting && model.IsHead(m)))
            (++message.Misses).ShouldBeLessThanOrEqualTo(mostMisses, $"message {message.Id} was claimable and was left out again");
        claims.AddRange(claimed);
    }

    private async Task SettleAsync(ClaimedMessage message, Step step)
    {
        var settlement = (step.B % 8) switch
        {
            0 or 1 => message.Done(),
            2 or 3 => message.Retry(Of(Delays, step.C)),
            4 => message.Snooze(Of(Delays, step.C)),
            5 => message.HandBack(),
            6 => message.Reject(),
            _ => message.Cancelled(),
        };
        (await store.Messages.SettleAsync([settlement], null, default)).ShouldBe([model.Settle(settlement)]);
    }

    private async Task RescueAsync()
    {
        var report = await store.Messages.RescueAsync(1000, default);
        (report.Nodes.Count, report.Rescued).ShouldBe(model.Rescue());
    }

    private async Task CompareAsync()
    {
        var stored = (await store.Reader.ListAsync(new MessageFilter { Limit = 1000 }, default)).Items;
        stored.Select(m => (m.Id, m.Status, m.Attempt, m.Deaths, m.DueAt, m.CancelRequested, m.Progress)).ShouldBe(
            model.Messages.Reverse().Select(
            m => (m.Id, model.Status(m), m.Place == Place.Running
                ? m.Attempt + 1 : m.Attempt, m.Deaths, m.DueAt, m.CancelReason is not null, m.Progress)));

        foreach (var queue in await store.Queues.ListAsync())
        {
            var here = model.Messages.Where(m => m.New.Queue == queue.Queue).ToList();
            var due = here.Where(m => m.Place == Place.Waiting && m.DueAt <= clock.Now).ToList();
            queue.Ready.ShouldBe(due.Count);
            queue.Scheduled.ShouldBe(here.Count(m => m.Place == Place.Waiting && m.DueAt > clock.Now));
            queue.Running.ShouldBe(here.Count(m => m.Place == Place.Running));
            queue.Dead.ShouldBe(here.Count(m => m.Place == Place.Dead));
            queue.OldestDueAge.ShouldBe(due.Count == 0 ? TimeSpan.Zero : clock.Now - due.Min(m => m.DueAt));
            (queue.PausedAt is not null).ShouldBe(model.IsPaused(queue.Queue));
        }

        foreach (var node in nodes.TakeLast(3))
            (await store.Messages.CancelRequestsAsync(node, default)).ShouldBe(model.CancelRequests(node), ignoreOrder: true);
    }

    private async Task CompareHistoriesAsync()
    {
        foreach (var id in ids)
        {
            var found = await store.Reader.FindAsync(id, default);
            var expected = model.Messages.SingleOrDefault(m => m.Id == id);
            (found is null).ShouldBe(expected is null);
            found?.Attempts.Select(a => (a.ClaimNumber, StoredOutcome.Text(a.Outcome))).ShouldBe(expected!.History);
        }
    }

    private static T Of<T>(IReadOnlyList<T> list, int number) => list[number % list.Count];

    /// <summary>One of the last few, mostly; any of them, now and then.</summary>
    private static T Recent<T>(IReadOnlyList<T> list, int number) =>
        list[^(1 + number / 10 % Math.Min(list.Count, number % 10 == 0 ? int.MaxValue : 6))];
}
