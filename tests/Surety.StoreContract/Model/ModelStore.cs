using Surety.Storage;

namespace Surety.StoreContract.Model;

/// <summary>What a store is to do, as plainly as it can be said: lists and loops, no indexes, no states beyond those people see.</summary>
internal sealed class ModelStore(TimeProvider time)
{
    private readonly List<ModelMessage> messages = [];
    private readonly Dictionary<string, (ModelMessage Holder, DateTimeOffset? Until)> unique = [];
    private readonly Dictionary<(string Queue, string Key), ModelMessage> heads = [];
    private readonly Dictionary<NodeId, ModelNode> nodes = [];
    private readonly HashSet<string> paused = [];

    public IReadOnlyList<ModelMessage> Messages => messages;

    private DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Who holds the message's unique key; null when it is free.</summary>
    public MessageId? Holder(NewMessage message) =>
        message.UniqueKey is { } key
            && unique.TryGetValue(key, out var held) && (held.Until is null || held.Until > Now) ? held.Holder.Id : null;

    public void Enqueue(MessageId id, NewMessage message)
    {
        var stored = new ModelMessage(id, message) { DueAt = Now + message.Delay };
        if (message.UniqueKey is { } key) unique[key] = (stored, Now + message.UniqueFor);
        messages.Add(stored);
        heads.TryAdd(stored.Line, stored);
    }

    /// <summary>All that may run now, in the order in which it is claimed.</summary>
    public IReadOnlyList<ModelMessage> Claimable(QueueDemand demand) => InOrder(demand, m => IsHead(m));

    /// <summary>
    /// All that a store may claim which decides late who stands at the head of its key: where nobody has been claimed, the oldest, though a
    /// younger one was there when the oldest came back from the dead letters.
    /// </summary>
    public IReadOnlyList<ModelMessage> ClaimableLate(QueueDemand demand) => InOrder(demand,
        m => IsHead(m) || (heads[m.Line] is { Place: Place.Waiting, IsFresh: true }
            && messages.Find(other => other.Line == m.Line && other.Place == Place.Waiting) == m));

    public bool IsHead(ModelMessage message) => message.New.OrderingKey is null || heads[message.Line] == message;

    public void Claim(ModelMessage message, NodeId node)
    {
        if (message.New.OrderingKey is not null) heads[message.Line] = message;
        (message.Place, message.Claim, message.Node, message.IsFresh, message.Misses) = (Place.Running, message.Claim + 1, node, false, 0);
    }

    private List<ModelMessage> InOrder(QueueDemand demand, Func<ModelMessage, bool> mayRun)
    {
        if (paused.Contains(demand.Queue)) return [];
        var claimable = messages.Where(m => m.Place == Place.Waiting && m.New.Queue == demand.Queue && m.DueAt <= Now && mayRun(m));
        var byPriority = demand.LowestFirst ? claimable.OrderBy(m => m.New.Priority) : claimable.OrderByDescending(m => m.New.Priority);
        return [.. byPriority.ThenBy(m => m.Id.Value)];
    }

    public bool Settle(Settlement settlement)
    {
        if (Held(settlement.Message.Claim) is not { } message) return false;
        if (settlement.SpendsAttempt) message.Attempt++;
        if (settlement.Recorded) message.History.Add((message.Claim, settlement.Outcome));
        if (settlement.Next == NextState.Waiting)
        {
            message.Place = Place.Waiting;
            message.DueAt = message.CancelReason is null ? Now + settlement.Delay : Now;
            return true;
        }

        message.Place = settlement.Next switch { NextState.Succeeded =>
            Place.Succeeded, NextState.Dead => Place.Dead, _ => Place.Cancelled };
        End(message, Now + settlement.KeepFor);
        if (settlement.Next == NextState.Succeeded && !message.New.Tracked) messages.Remove(message);
        return true;
    }

    public bool Start(Claim claim, bool alone)
    {
        if (Held(claim) is not { } message) return false;
        message.Started = claim.Number;
        message.Alone = alone ? claim.Number : 0;
        return true;
    }

    public void Report(Claim claim, Progress progress)
    {
        if (Held(claim) is { } message) message.Progress = progress;
    }

    public CancelAnswer Cancel(MessageId id, string reason)
    {
        if (messages.Find(m => m.Id == id) is not { } message) return CancelAnswer.NotFound;
        if (message.Place == Place.Running)
        {
            message.CancelReason = reason;
            return CancelAnswer.Requested;
        }

        if (message.Place != Place.Waiting) return CancelAnswer.AlreadyEnded;
        message.Place = Place.Cancelled;
        End(message, Now + new QueueOptions().Retention);
        return CancelAnswer.Cancelled;
    }

    public IEnumerable<Claim> CancelRequests(NodeId node) =>
        messages.Where(m => m.Place == Place.Running && m.Node == node && m.CancelReason is not null).Select(m => new Claim(m.Id, m.Claim));

    public void Join(NodeId node, TimeSpan lease) => nodes.Add(node, new ModelNode { LeaseUntil = Now + lease });

    public bool Heartbeat(NodeId node, TimeSpan lease)
    {
        if (!IsAlive(node)) return false;
        nodes[node].LeaseUntil = Now + lease;
        return true;
    }

    public void Leave(NodeId node)
    {
        if (!IsAlive(node)) return;
        nodes[node].IsGone = true;
        foreach (var message in HeldBy(node)) HandBack(message);
    }

    public (int Nodes, int Rescued) Rescue()
    {
        var dead = nodes.Where(n => !n.Value.IsGone && n.Value.LeaseUntil <= Now).Select(n => n.Key).ToList();
        var lost = dead.SelectMany(HeldBy).ToList();
        foreach (var node in dead) nodes[node].IsGone = true;
        var lone = lost.Where(m => m.Alone == m.Claim).Select(m => m.Node).ToHashSet();
        foreach (var message in lost)
        {
            // A process dies as a whole: where one ran alone, no other is to blame.
            var ranAlone = message.Alone == message.Claim;
            if (ranAlone || (!lone.Contains(message.Node) && (message.Deaths == 0 || message.Started == message.Claim)))
                (message.Deaths, message.DiedAlone) = (message.Deaths + 1, ranAlone);
            HandBack(message);
        }

        return (dead.Count, lost.Count);
    }

    public bool Requeue(MessageId id)
    {
        if (messages.Find(m => m.Id == id) is not { Place: Place.Dead } message) return false;
        (message.Place, message.DueAt, message.Attempt, message.Deaths, message.Started, message.CancelReason) =
            (Place.Waiting, Now, 0, 0, 0, null);
        (message.Alone, message.DiedAlone) = (0, false);
        message.IsFresh = true;
        message.History.Add((message.Claim, "requeue"));
        heads.TryAdd(message.Line, message);
        return true;
    }

    public int RequeueAll(string queue) => messages.Where(m => m.New.Queue == queue).Count(m => Requeue(m.Id));

    public bool Discard(MessageId id)
    {
        if (messages.Find(m => m.Id == id) is not { Place: Place.Dead } message) return false;
        message.Place = Place.Cancelled;
        Free(message);
        message.KeepUntil = Now + new QueueOptions().Retention;
        return true;
    }

    public void Pause(string queue) => paused.Add(queue);

    public void Resume(string queue) => paused.Remove(queue);

    public bool IsPaused(string queue) => paused.Contains(queue);

    public int Prune() => messages.RemoveAll(m => m.Place is Place.Succeeded or Place.Cancelled && m.KeepUntil <= Now);

    public bool IsAlive(NodeId node) => nodes.TryGetValue(node, out var found) && !found.IsGone;

    public bool Holds(Claim claim) => Held(claim) is not null;

    public MessageStatus Status(ModelMessage message) => message.Place switch
    {
        Place.Running => MessageStatus.Running,
        Place.Succeeded => MessageStatus.Succeeded,
        Place.Dead => MessageStatus.Dead,
        Place.Cancelled => MessageStatus.Cancelled,
        _ when message.Attempt > 0 => MessageStatus.Retrying,
        _ => message.DueAt <= Now ? MessageStatus.Queued : MessageStatus.Scheduled,
    };

    private ModelMessage? Held(Claim claim) => messages.Find(m => m.Id == claim.Id && m.Place == Place.Running && m.Claim == claim.Number);

    private List<ModelMessage> HeldBy(NodeId node) => [.. messages.Where(m => m.Place == Place.Running && m.Node == node)];

    private static void HandBack(ModelMessage message)
    {
        message.History.Add((message.Claim, "lost"));
        message.Place = Place.Waiting;
    }

    /// <summary>A head that ends gives its place to the oldest unfinished one of its key.</summary>
    private void End(ModelMessage message, DateTimeOffset? keepUntil)
    {
        message.KeepUntil = keepUntil;
        if (message.Place != Place.Dead) Free(message);
        if (heads[message.Line] != message) return;
        heads.Remove(message.Line);
        if (messages.Find(m => m.Line == message.Line && m.Place is Place.Waiting or Place.Running) is { } next) heads.Add(next.Line, next);
    }

    private void Free(ModelMessage message)
    {
        if (message.New.UniqueKey is { } key && unique.TryGetValue(key, out var held) && held.Holder == message && held.Until is null)
            unique.Remove(key);
    }
}

/// <summary>Where a message is; due or not, head or not, is worked out.</summary>
internal enum Place
{
    Waiting,
    Running,
    Succeeded,
    Dead,
    Cancelled,
}

internal sealed class ModelMessage(MessageId id, NewMessage message)
{
    public MessageId Id => id;
    public NewMessage New => message;
    public Place Place { get; set; }
    public DateTimeOffset DueAt { get; set; }
    public int Attempt { get; set; }
    public int Deaths { get; set; }
    public long Claim { get; set; }
    public long Started { get; set; }
    public long Alone { get; set; }
    public bool DiedAlone { get; set; }

    /// <summary>Not claimed since it was enqueued or requeued.</summary>
    public bool IsFresh { get; set; } = true;

    /// <summary>How many claims in a row have left it out although it was its turn.</summary>
    public int Misses { get; set; }
    public NodeId Node { get; set; }
    public string? CancelReason { get; set; }
    public Progress? Progress { get; set; }
    public DateTimeOffset? KeepUntil { get; set; }
    public List<(long Claim, string Outcome)> History { get; } = [];

    /// <summary>Whom it stands in line with: the messages of its key in its queue, or nobody but itself.</summary>
    public (string Queue, string Key) Line => (message.Queue, message.OrderingKey ?? $"alone {id}");
}

internal sealed class ModelNode
{
    public DateTimeOffset LeaseUntil { get; set; }
    public bool IsGone { get; set; }
}
