using System.Collections;
using System.ComponentModel;
using System.Data.Common;
using System.Runtime.CompilerServices;

namespace Surety;

/// <summary>
/// Where messages are handed over: once <c>EnqueueAsync</c> returned (or, given a transaction, once that committed), the store is
/// responsible for the message until it has been handled or a person has been shown why not. Injected as a singleton; safe for concurrent
/// use.
/// </summary>
public interface IQueue
{
    /// <summary>Enqueues the messages, all or none.</summary>
    /// <param name="messages">At most <see cref="MaxBatch"/>.</param>
    /// <param name="transaction">
    /// The caller's own transaction on the same database (from <see cref="Database.BeginAsync"/>, or from the caller's own connection): the
    /// messages exist exactly if it commits. Null enqueues in a transaction of its own, which is durable on return.
    /// </param>
    /// <param name="cancellationToken">Gives up before the commit is sent; has no effect afterwards.</param>
    /// <returns>One result per message, in the same order.</returns>
    /// <exception cref="ArgumentException">
    /// A message's type has no <see cref="MessageAttribute"/>, or the stored name is another type's on this host, or an option is outside
    /// its limits; nothing was enqueued.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The transaction belongs to another database library or another file than this host's store, or is finished; or none was passed
    /// inside a unit of work (see <see cref="UnitOfWork.Suppress"/>).
    /// </exception>
    /// <exception cref="StoreException">The store failed; see <see cref="StoreException.InDoubt"/>.</exception>
    ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<Envelope> messages, DbTransaction? transaction = null, CancellationToken cancellationToken = default);

    /// <summary>The most messages one call takes: 10,000.</summary>
    const int MaxBatch = 10_000;
}

/// <summary>The short forms of <see cref="IQueue.EnqueueAsync"/>.</summary>
public static class QueueExtensions
{
    /// <summary>Enqueues one message in a transaction of its own.</summary>
    /// <inheritdoc cref="IQueue.EnqueueAsync"/>
    public static ValueTask<Enqueued> EnqueueAsync<T>(
        this IQueue queue, T message, CancellationToken cancellationToken = default) where T : notnull =>
        One(queue, new Envelope(message), null, cancellationToken);

    /// <summary>Enqueues one message, with options, in a transaction of its own.</summary>
    /// <inheritdoc cref="IQueue.EnqueueAsync"/>
    public static ValueTask<Enqueued> EnqueueAsync<T>(
        this IQueue queue, T message, EnqueueOptions options, CancellationToken cancellationToken = default)
        where T : notnull =>
        One(queue, new Envelope(message, options), null, cancellationToken);

    /// <summary>Enqueues one message in the caller's transaction: it exists exactly if that commits. This line is the outbox.</summary>
    /// <inheritdoc cref="IQueue.EnqueueAsync"/>
    public static ValueTask<Enqueued> EnqueueAsync<T>(
        this IQueue queue, T message, DbTransaction transaction, CancellationToken cancellationToken = default)
        where T : notnull =>
        One(queue, new Envelope(message), Required(transaction), cancellationToken);

    /// <summary>Enqueues one message, with options, in the caller's transaction.</summary>
    /// <inheritdoc cref="IQueue.EnqueueAsync"/>
    public static ValueTask<Enqueued> EnqueueAsync<T>(
        this IQueue queue, T message, EnqueueOptions options, DbTransaction transaction, CancellationToken cancellationToken = default)
        where T : notnull => One(queue, new Envelope(message, options), Required(transaction), cancellationToken);

    /// <summary>Does not compile: a collection is many messages, not one.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    [Obsolete(Several, error: true)]
    [OverloadResolutionPriority(1), EditorBrowsable(EditorBrowsableState.Never)]
    public static ValueTask<Enqueued> EnqueueAsync(
        this IQueue queue, IEnumerable messages, object? options = null, object? transaction = null,
        CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(Several);

    private const string Several = "A collection is many messages, not one. Give each of them an envelope: "
        + "queue.EnqueueAsync([.. messages.Select(m => new Envelope(m))]). The same for one message whose type is a collection.";

    private static DbTransaction Required(DbTransaction? transaction) =>
        transaction ?? throw new ArgumentNullException(nameof(transaction));

    private static async ValueTask<Enqueued> One(IQueue queue, Envelope envelope, DbTransaction? transaction, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(queue);
        var results = await queue.EnqueueAsync([envelope], transaction, cancel).ConfigureAwait(false);
        return results[0];
    }
}

/// <summary>A message on its way into a queue.</summary>
/// <param name="Message">
/// The payload; its type carries a <see cref="MessageAttribute"/>, or is declared with <c>[JsonDerivedType]</c>, with a discriminator, on a
/// base that does.
/// </param>
/// <param name="Options">How to enqueue it; null for the defaults.</param>
public readonly record struct Envelope(object Message, EnqueueOptions? Options = null);

/// <summary>How one message is enqueued. Everything is optional.</summary>
public sealed record EnqueueOptions
{
    /// <summary>The queue. Default: the one the kind's handler was registered for, else <c>default</c>.</summary>
    public string? Queue { get; init; }

    /// <summary>
    /// Deliver no sooner than this long after the enqueue, by the store's clock. Default zero; at most 10 years. Excludes
    /// <see cref="DueAt"/>.
    /// </summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// Deliver no sooner than this instant, by the store's clock; an instant in the past means now. At most 10 years ahead. Excludes
    /// <see cref="Delay"/>.
    /// </summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>
    /// Who goes first among the due messages of one queue. One claim in eight serves the lowest first, so that a flood of urgent ones
    /// starves nobody.
    /// </summary>
    public Priority Priority { get; init; } = Priority.Normal;

    /// <summary>
    /// Messages of one queue with the same key are handled one at a time, in the order of their enqueues; different keys run side by side.
    /// A retrying, snoozed or delayed message holds its followers back. At most 200 characters, without U+0000 and halves of surrogate
    /// pairs, as all keys and names. Default null: no order.
    /// </summary>
    public string? OrderingKey { get; init; }

    /// <summary>
    /// At most one message of the kind with this key: a second enqueue answers with the first message's id and
    /// <see cref="Enqueued.IsDuplicate"/>, and stores nothing. At most 200 characters. Default null.
    /// </summary>
    public string? UniqueKey { get; init; }

    /// <summary>
    /// How long <see cref="UniqueKey"/> stays taken, counted from the enqueue. Null (the default): until the message has finished, dead
    /// letters not counting as finished. At most 10 years.
    /// </summary>
    public TimeSpan? UniqueFor { get; init; }

    /// <summary>
    /// At most 32 headers, names and values together at most 4,096 characters, of the same sort as those of keys. <c>traceparent</c> and
    /// <c>tracestate</c> are filled in from the current activity unless given.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>
    /// Keep status, progress, result and history after success, for the queue's retention. Default false: a message that succeeded leaves
    /// nothing behind. Dead letters are kept either way.
    /// </summary>
    public bool Tracked { get; init; }

    /// <summary>Who the message belongs to; at most 255 characters. <c>MapJob</c> sets it to the authenticated principal.</summary>
    public string? Owner { get; init; }
}

/// <summary>Who goes first among the due messages of one queue.</summary>
public enum Priority
{
    /// <summary>After everything else.</summary>
    Low = 0,

    /// <summary>The default.</summary>
    Normal = 1,

    /// <summary>Before everything else.</summary>
    High = 2,
}

/// <summary>The answer to an enqueue.</summary>
/// <param name="Id">The stored message: the new one, or the one that already holds the unique key.</param>
/// <param name="IsDuplicate">True when the unique key was taken and nothing was stored.</param>
public readonly record struct Enqueued(MessageId Id, bool IsDuplicate);
