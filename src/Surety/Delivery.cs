namespace Surety;

/// <summary>One attempt at one message: what a handler is given.</summary>
/// <typeparam name="T">The message's type.</typeparam>
public sealed class Delivery<T> : Delivery
{
    internal Delivery(T message, DeliveryFacts facts) : base(facts) => Message = message;

    /// <summary>The payload, deserialized afresh for this attempt.</summary>
    public T Message { get; }
}

/// <summary>What every delivery tells and offers, whatever its payload.</summary>
public abstract class Delivery
{
    private readonly DeliveryFacts facts;

    private protected Delivery(DeliveryFacts facts) => this.facts = facts;

    /// <summary>The message's id, the same for every attempt.</summary>
    public MessageId Id => facts.Id;

    /// <summary>The stored name of the message's type.</summary>
    public string Kind => facts.Kind;

    /// <summary>The queue it was claimed from.</summary>
    public string Queue => facts.Queue;

    /// <summary>1 for the first attempt. A snooze, a hand-back at shutdown and a killed process spend no attempt.</summary>
    public int Attempt => facts.Attempt;

    /// <summary>The attempts the queue's retry policy allows, this one included.</summary>
    public int MaxAttempts => facts.MaxAttempts;

    /// <summary>
    /// Grows by one each time the message is claimed and never goes back: a fencing token for this message's effects in other systems.
    /// </summary>
    public long ClaimNumber => facts.ClaimNumber;

    /// <summary>When the message was enqueued, by the store's clock.</summary>
    public DateTimeOffset EnqueuedAt => facts.EnqueuedAt;

    /// <summary>The headers given at the enqueue; never null.</summary>
    public IReadOnlyDictionary<string, string> Headers => facts.Headers;

    /// <summary>The ordering key given at the enqueue, or null.</summary>
    public string? OrderingKey => facts.OrderingKey;

    /// <summary>Who the message belongs to (the authenticated principal of a job), or null.</summary>
    public string? Owner => facts.Owner;

    /// <summary>
    /// The same for every attempt at this message and different from every other message's, in this store or any other. Hand it to a
    /// provider that takes idempotency keys: a plain handler may run more than once, and this is what makes the provider act once.
    /// </summary>
    public string IdempotencyKey => $"{facts.StoreId}-{Id}";

    /// <summary>
    /// Tells watchers how far the attempt is. Written at most once a second (the last value always arrives with the settling); costs
    /// nothing in between. Reported outside the handler's transaction, so it is visible while the handler still runs, except on SQLite
    /// inside a transactional handler, where it arrives with the commit.
    /// </summary>
    /// <param name="done">Units finished; 0 or more.</param>
    /// <param name="total">Units in all, or null when unknown.</param>
    /// <param name="unit">What is counted, such as <c>lines</c>; at most 40 characters.</param>
    /// <param name="message">A sentence for people; at most 200 characters, longer ones are cut.</param>
    public void ReportProgress(long done, long? total = null, string? unit = null, string? message = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(done);
        ArgumentOutOfRangeException.ThrowIfNegative(total ?? 0, nameof(total));
        facts.Report(this, new Progress(done, total, StoredText.Cut(unit, 40), StoredText.Cut(message, 200)));
    }
}

/// <summary>How far a running message is.</summary>
/// <param name="Done">Units finished.</param>
/// <param name="Total">Units in all, or null when unknown.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Message">A sentence for people.</param>
public sealed record Progress(long Done, long? Total, string? Unit, string? Message);

/// <summary>What is known of one attempt.</summary>
internal sealed class DeliveryFacts
{
    public required MessageId Id { get; init; }
    public required long ClaimNumber { get; init; }
    public required string Kind { get; init; }
    public required string Queue { get; init; }
    public required int Attempt { get; init; }
    public required int MaxAttempts { get; init; }
    public required DateTimeOffset EnqueuedAt { get; init; }
    public required IReadOnlyDictionary<string, string> Headers { get; init; }
    public string? OrderingKey { get; init; }
    public string? Owner { get; init; }
    public required string StoreId { get; init; }

    /// <summary>Takes a report without waiting; later reports replace earlier ones.</summary>
    public required Action<Delivery, Progress> Report { get; init; }
}
