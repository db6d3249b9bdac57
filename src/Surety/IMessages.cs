namespace Surety;

/// <summary>Looks at stored messages and stops them. Injected as a singleton.</summary>
public interface IMessages
{
    /// <summary>
    /// Everything known of one message, its attempts included; null when there is none (never was, or its retention is over).
    /// </summary>
    ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancellationToken = default);

    /// <summary>One page of messages, newest first, without bodies' attempts.</summary>
    ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancellationToken = default);

    /// <summary>
    /// Cancels a message: at once when it is not running, otherwise by asking its handler through its cancellation token.
    /// </summary>
    /// <param name="id">The message.</param>
    /// <param name="reason">Why, for people; shown in its status.</param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, CancellationToken cancellationToken = default);
}

/// <summary>What became of a request to cancel.</summary>
public enum CancelAnswer
{
    /// <summary>There is no such message.</summary>
    NotFound,

    /// <summary>It had not started, and never will.</summary>
    Cancelled,

    /// <summary>It is running; its handler has been asked to stop, and may still finish.</summary>
    Requested,

    /// <summary>It had already ended.</summary>
    AlreadyEnded,
}

/// <summary>Where a message is in its life.</summary>
public enum MessageStatus
{
    /// <summary>Waits for its due instant; has not failed.</summary>
    Scheduled,

    /// <summary>Due; waits for a worker, or for its turn behind its ordering key. Has not failed.</summary>
    Queued,

    /// <summary>A worker holds it.</summary>
    Running,

    /// <summary>Has failed, and waits for its next attempt.</summary>
    Retrying,

    /// <summary>Handled; the end.</summary>
    Succeeded,

    /// <summary>Given up and kept for a person: requeue or discard it.</summary>
    Dead,

    /// <summary>Cancelled; the end.</summary>
    Cancelled,
}

/// <summary>One message, as operators and status pages see it.</summary>
public sealed record MessageInfo
{
    /// <summary>The message's id.</summary>
    public required MessageId Id { get; init; }

    /// <summary>The stored name of its type.</summary>
    public required string Kind { get; init; }

    /// <summary>Its queue.</summary>
    public required string Queue { get; init; }

    /// <summary>Where it is in its life.</summary>
    public required MessageStatus Status { get; init; }

    /// <summary>Attempts spent, the running one included.</summary>
    public required int Attempt { get; init; }

    /// <summary>How often a process died while holding it.</summary>
    public required int Deaths { get; init; }

    /// <summary>Its priority.</summary>
    public required Priority Priority { get; init; }

    /// <summary>Its ordering key, or null.</summary>
    public string? OrderingKey { get; init; }

    /// <summary>Who it belongs to, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>When it was enqueued.</summary>
    public required DateTimeOffset EnqueuedAt { get; init; }

    /// <summary>When it is (or was) due next.</summary>
    public required DateTimeOffset DueAt { get; init; }

    /// <summary>When it ended, or null.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The last progress report, or null.</summary>
    public Progress? Progress { get; init; }

    /// <summary>The result of a success that had one, or null.</summary>
    public JobResult? Result { get; init; }

    /// <summary>The last failure, or the reason it waits or ended; null when there is none.</summary>
    public string? Reason { get; init; }

    /// <summary>What dead letters are grouped by: the failure's type and a message without its numbers; null unless it failed.</summary>
    public string? Cause { get; init; }

    /// <summary>Whether a cancellation was asked for.</summary>
    public bool CancelRequested { get; init; }

    /// <summary>Grows with every change: an entity tag.</summary>
    public required long Revision { get; init; }

    /// <summary>The version of the payload's shape.</summary>
    public required int Version { get; init; }

    /// <summary>The payload as stored (JSON).</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The headers; never null.</summary>
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>
    /// The attempts that failed, were snoozed or lost (and, of tracked messages, the one that succeeded), oldest first; at most the last
    /// 100. Empty in lists.
    /// </summary>
    public IReadOnlyList<AttemptInfo> Attempts { get; init; } = [];
}

/// <summary>One attempt in a message's history.</summary>
/// <param name="ClaimNumber">The claim it ran under.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Error">The failure, for people; null on success.</param>
/// <param name="Node">The node that ran it.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
public sealed record AttemptInfo(
    long ClaimNumber, AttemptOutcome Outcome, string? Error, string Node, DateTimeOffset StartedAt, DateTimeOffset EndedAt);

/// <summary>Which messages; every given member must fit.</summary>
public sealed record MessageFilter
{
    /// <summary>Only this queue.</summary>
    public string? Queue { get; init; }

    /// <summary>Only this kind.</summary>
    public string? Kind { get; init; }

    /// <summary>Only this status.</summary>
    public MessageStatus? Status { get; init; }

    /// <summary>Only this owner's.</summary>
    public string? Owner { get; init; }

    /// <summary>Only dead letters of this <see cref="MessageInfo.Cause"/>.</summary>
    public string? Cause { get; init; }

    /// <summary>Only messages older than this id: the last one of the page before.</summary>
    public MessageId? Before { get; init; }

    /// <summary>The most to return, 1 to 1,000. Default 100.</summary>
    public int Limit { get; init; } = 100;
}

/// <summary>One page of messages.</summary>
/// <param name="Items">Newest first.</param>
/// <param name="Next">What to give as <see cref="MessageFilter.Before"/> for the next page; null on the last one.</param>
public sealed record MessagePage(IReadOnlyList<MessageInfo> Items, MessageId? Next);
