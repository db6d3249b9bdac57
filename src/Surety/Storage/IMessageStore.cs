using System.Data.Common;

namespace Surety.Storage;

/// <summary>
/// The message sink: what the loops ask of a database. Every store passes one contract suite. Instants are the store's own; callers hand in
/// durations. Pruning deletes finished messages whose retention is over, with their history.
/// </summary>
internal interface IMessageStore : IPrunable
{
    /// <summary>
    /// Stores the messages, all or none, in the caller's transaction or (null) in one of its own that is durable on return. A taken unique
    /// key stores nothing and answers with its holder.
    /// </summary>
    ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<NewMessage> messages, DbTransaction? transaction, CancellationToken cancel);

    /// <summary>
    /// Hands due messages to the node, each to one node only, and raises each one's claim number. By queue: highest priority first (lowest,
    /// when asked), then oldest; never two of one ordering key at a time; nothing from a paused queue. The claim of recovery and of first
    /// delivery is this same statement.
    /// </summary>
    /// <returns>
    /// The claimed messages, perhaps fewer than there are, but none only when there was none; null when the node was presumed dead and must
    /// join anew.
    /// </returns>
    ValueTask<IReadOnlyList<ClaimedMessage>?> ClaimAsync(NodeId node, IReadOnlyList<QueueDemand> demands, CancellationToken cancel);

    /// <summary>
    /// Notes, durably, that these suspects (<see cref="ClaimedMessage.Deaths"/> above zero) now really start: only then does a death of the
    /// process count against them again.
    /// </summary>
    /// <param name="claims">Their claims.</param>
    /// <param name="alone">
    /// Whether nothing else runs on their node until they are settled. Then a death of it is theirs, and nobody else's.
    /// </param>
    /// <param name="cancel">Gives up before the change is sent.</param>
    /// <returns>One answer per claim: false when it was lost.</returns>
    ValueTask<IReadOnlyList<bool>> StartAsync(IReadOnlyList<Claim> claims, bool alone, CancellationToken cancel);

    /// <summary>
    /// Ends attempts. Each settlement takes effect only while its message is running under exactly its claim number; together with the
    /// transaction, when one is given.
    /// </summary>
    /// <returns>One answer per settlement, in order: false when the claim was lost and nothing was changed.</returns>
    ValueTask<IReadOnlyList<bool>> SettleAsync(IReadOnlyList<Settlement> settlements, DbTransaction? transaction, CancellationToken cancel);

    /// <summary>
    /// As <see cref="SettleAsync"/> in the unit of work, which is then committed when every claim was held, and rolled back otherwise.
    /// </summary>
    /// <returns>
    /// One answer per settlement, in order: false when nothing was changed because the claim was lost, or can be settled by
    /// <see cref="SettleAsync"/> only.
    /// </returns>
    /// <exception cref="StoreException">As of <see cref="OwnedUnitOfWork.CommitAsync"/>.</exception>
    ValueTask<IReadOnlyList<bool>> SettleAndCommitAsync(
        IReadOnlyList<Settlement> settlements, OwnedUnitOfWork work, CancellationToken cancel) =>
        SettleThenCommitAsync(this, settlements, work, cancel);

    /// <summary>
    /// Cancels a message that is not running, together with the transaction when one is given; of a running one, notes the request, which
    /// its node finds by
    /// <see cref="CancelRequestsAsync"/>. The last request's reason is kept.
    /// </summary>
    ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, DbTransaction? transaction, CancellationToken cancel);

    /// <summary>Stores a progress report, guarded like a settlement. A hint: losing one does no harm.</summary>
    ValueTask ReportAsync(IReadOnlyList<(Claim Claim, Progress Progress)> reports, CancellationToken cancel);

    /// <summary>Those of the node's running messages whose cancellation was asked for. Reads only.</summary>
    ValueTask<IReadOnlyList<Claim>> CancelRequestsAsync(NodeId node, CancellationToken cancel);

    /// <summary>
    /// Hands back what the node holds besides <paramref name="known"/>: claims whose answer never reached it. Due now, attempt unspent, no
    /// death counted; what it knows of runs on.
    /// </summary>
    /// <returns>How many.</returns>
    ValueTask<int> HandBackAsync(NodeId node, IReadOnlyCollection<Claim> known, CancellationToken cancel);

    /// <summary>
    /// Presumes dead every node whose lease has run out, and hands their running messages back: due now, attempt unspent, death counted
    /// (unless the message was a suspect that had not started, or another one ran alone on that node). A message with too many deaths is
    /// given up by the core at its next claim, not here. At most <paramref name="limit"/> messages a call, those that ran alone last, so
    /// that the others of their node are not blamed by the next call.
    /// </summary>
    ValueTask<RescueReport> RescueAsync(int limit, CancellationToken cancel);

    /// <summary>
    /// Waits until one of the queues may have a claimable message that the last claim has not got, or the time is up; may return early, may
    /// miss a hint. Costs next to nothing while nothing happens.
    /// </summary>
    ValueTask WaitForWorkAsync(IReadOnlyCollection<string> queues, TimeSpan atMost, CancellationToken cancel);

    /// <summary>One after the other, as any store can.</summary>
    internal static async ValueTask<IReadOnlyList<bool>> SettleThenCommitAsync(
        IMessageStore store, IReadOnlyList<Settlement> settlements, OwnedUnitOfWork work, CancellationToken cancel)
    {
        var held = await store.SettleAsync(settlements, work.Transaction, cancel);
        if (held.All(h => h))
        {
            // The process's own: a default of an interface cannot be given others.
            Failpoints.OfProcess.Pass(Failpoint.SettledInTransaction);
            await work.CommitAsync();
        }
        else
        {
            await work.RollbackAsync();
        }

        return held;
    }
}

/// <summary>A message on its way in, validated and serialized.</summary>
internal sealed record NewMessage
{
    /// <summary>The stored name of its type.</summary>
    public required string Kind { get; init; }

    /// <summary>The version of its payload's shape.</summary>
    public required int Version { get; init; }

    /// <summary>The payload: UTF-8 JSON.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The queue.</summary>
    public required string Queue { get; init; }

    /// <summary>How long from the store's now until it is due; zero for at once. Not used with <see cref="DueAt"/>.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>When it is due, or null to use <see cref="Delay"/>.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>Its priority.</summary>
    public Priority Priority { get; init; } = Priority.Normal;

    /// <summary>Its ordering key, or null.</summary>
    public string? OrderingKey { get; init; }

    /// <summary>Its unique key within its kind, or null.</summary>
    public string? UniqueKey { get; init; }

    /// <summary>How long the unique key stays taken, from now; null until the message has finished.</summary>
    public TimeSpan? UniqueFor { get; init; }

    /// <summary>The headers; never null.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = NoHeaders;

    /// <summary>Keep it after success.</summary>
    public bool Tracked { get; init; }

    /// <summary>Who it belongs to, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>The one empty set of headers.</summary>
    public static IReadOnlyDictionary<string, string> NoHeaders { get; } = System.Collections.Frozen.FrozenDictionary<string, string>.Empty;
}

/// <summary>One holding of one message. Only the holder of the newest number may settle.</summary>
/// <param name="Id">The message.</param>
/// <param name="Number">Grows with every claim of the message and never goes back.</param>
internal readonly record struct Claim(MessageId Id, long Number);

/// <summary>How many messages of a queue a node can take now.</summary>
/// <param name="Queue">The queue.</param>
/// <param name="Limit">At most this many; 1 or more.</param>
/// <param name="LowestFirst">Serve the lowest priority first, this once.</param>
internal readonly record struct QueueDemand(string Queue, int Limit, bool LowestFirst = false);

/// <summary>A message a node holds.</summary>
internal sealed record ClaimedMessage
{
    /// <summary>The holding.</summary>
    public required Claim Claim { get; init; }

    /// <summary>
    /// The store's own note of where it found the message; null when it needs none. Handed back with the settlement, read by nobody else.
    /// </summary>
    public object? Origin { get; init; }

    /// <summary>The stored name of its type.</summary>
    public required string Kind { get; init; }

    /// <summary>The version of its payload's shape.</summary>
    public required int Version { get; init; }

    /// <summary>The payload as stored.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Its queue.</summary>
    public required string Queue { get; init; }

    /// <summary>This attempt's number: attempts spent before, plus one.</summary>
    public required int Attempt { get; init; }

    /// <summary>
    /// How often a process died while holding it. Above zero it is a suspect: see <see cref="IMessageStore.StartAsync"/>.
    /// </summary>
    public required int Deaths { get; init; }

    /// <summary>Whether it ran alone at the last of these deaths: see <see cref="IMessageStore.StartAsync"/>.</summary>
    public bool DiedAlone { get; init; }

    /// <summary>When it was enqueued.</summary>
    public required DateTimeOffset EnqueuedAt { get; init; }

    /// <summary>When it became due.</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>Its ordering key, or null.</summary>
    public string? OrderingKey { get; init; }

    /// <summary>
    /// Why its cancellation was asked for while an earlier attempt ran; null when it was not. Then it must not run again.
    /// </summary>
    public string? CancelReason { get; init; }

    /// <summary>Whether a unique key is to be freed when it finishes.</summary>
    public bool HoldsUniqueKey { get; init; }

    /// <summary>Whether it is kept after success.</summary>
    public bool Tracked { get; init; }

    /// <summary>Who it belongs to, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>The headers; never null.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = NewMessage.NoHeaders;
}

/// <summary>How an attempt ends: the message's whole next state.</summary>
internal sealed record Settlement
{
    /// <summary>The message and the claim it is held by.</summary>
    public required ClaimedMessage Message { get; init; }

    /// <summary>Where it goes.</summary>
    public required NextState Next { get; init; }

    /// <summary>What the history says of the attempt (see <see cref="AttemptInfo.Outcome"/>).</summary>
    public required string Outcome { get; init; }

    /// <summary>With <see cref="NextState.Waiting"/>: how long from the store's now until it is due.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Whether the attempt counts.</summary>
    public bool SpendsAttempt { get; init; }

    /// <summary>The failure, or why it waits; null on success.</summary>
    public string? Reason { get; init; }

    /// <summary>What dead letters are grouped by; null unless it failed.</summary>
    public string? Cause { get; init; }

    /// <summary>The whole error, for the history; at most 8,000 characters.</summary>
    public string? Error { get; init; }

    /// <summary>The result, kept when the message is tracked.</summary>
    public JobResult? Result { get; init; }

    /// <summary>The last progress report not stored yet, or null.</summary>
    public Progress? Progress { get; init; }

    /// <summary>How long the attempt ran.</summary>
    public TimeSpan Ran { get; init; }

    /// <summary>How long a finished message is kept when it is kept; null for ever.</summary>
    public TimeSpan? KeepFor { get; init; }

    /// <summary>Whether the history gets a line: not for untracked successes and hand-backs.</summary>
    public bool Recorded { get; init; }
}

/// <summary>Where a settled message goes.</summary>
internal enum NextState
{
    /// <summary>Finished; deleted at once unless tracked.</summary>
    Succeeded,

    /// <summary>Back to its queue, due after the settlement's delay.</summary>
    Waiting,

    /// <summary>To the dead letters.</summary>
    Dead,

    /// <summary>Cancelled; kept for its retention.</summary>
    Cancelled,
}

/// <summary>What a rescue did.</summary>
/// <param name="Nodes">Names of the nodes newly presumed dead.</param>
/// <param name="Rescued">Messages handed back to their queues.</param>
internal readonly record struct RescueReport(IReadOnlyList<string> Nodes, int Rescued);
