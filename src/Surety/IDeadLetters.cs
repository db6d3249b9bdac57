namespace Surety;

/// <summary>The messages that were given up, kept until a person decides. Injected as a singleton.</summary>
public interface IDeadLetters
{
    /// <summary>The dead letters counted by queue, kind and cause, most first; at most 1,000 groups.</summary>
    ValueTask<IReadOnlyList<DeadLetterGroup>> GroupsAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Puts one dead letter back into its queue, due now, with its attempts and deaths counted afresh; its history and its id stay. False
    /// when it is not a dead letter (any more).
    /// </summary>
    /// <param name="id">The message.</param>
    /// <param name="body">
    /// An edited payload (JSON of the version the message has, <see cref="MessageInfo.Version"/>; upcasters run over it as over the stored
    /// one), or null to keep the stored one.
    /// </param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    ValueTask<bool> RequeueAsync(MessageId id, ReadOnlyMemory<byte>? body = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Requeues all that fit the filter (<see cref="MessageFilter.Status"/> and <see cref="MessageFilter.Limit"/> are not looked at), in
    /// batches; returns how many.
    /// </summary>
    ValueTask<long> RequeueAsync(MessageFilter filter, CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends one dead letter as cancelled; it is pruned with the other finished messages. False when it is not a dead letter (any more).
    /// </summary>
    /// <param name="id">The message.</param>
    /// <param name="reason">Why, for people.</param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    ValueTask<bool> DiscardAsync(MessageId id, string reason, CancellationToken cancellationToken = default);
}

/// <summary>Dead letters of one cause.</summary>
/// <param name="Queue">Their queue.</param>
/// <param name="Kind">Their kind.</param>
/// <param name="Cause">The failure's type and a message without its numbers.</param>
/// <param name="Count">How many.</param>
/// <param name="Oldest">When the first of them died.</param>
/// <param name="Newest">When the last of them died.</param>
public sealed record DeadLetterGroup(string Queue, string Kind, string Cause, long Count, DateTimeOffset Oldest, DateTimeOffset Newest);
