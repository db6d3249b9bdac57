namespace Surety;

/// <summary>
/// Handles one message kind whose effect lies outside this database. Runs at least once: hand <see cref="Delivery.IdempotencyKey"/> to
/// whatever it calls. Resolved from a new dependency injection scope for every attempt.
/// </summary>
/// <typeparam name="T">The message type.</typeparam>
public interface IHandler<T>
{
    /// <summary>Runs one attempt.</summary>
    /// <param name="delivery">The message and what is known of it.</param>
    /// <param name="cancellationToken">
    /// Fires at the queue's handler timeout, when the message is cancelled, when this node lost its claim, and at shutdown once the drain
    /// limit has passed.
    /// </param>
    /// <returns>What is to become of the message. Throwing asks for a retry, by the queue's policy.</returns>
    Task<Outcome> HandleAsync(Delivery<T> delivery, CancellationToken cancellationToken);
}

/// <summary>
/// Handles one message kind whose effect lies in this database. The effects, the messages it enqueues with the same unit of work and the
/// settling commit together or not at all, so the effect happens exactly once, though the method may run more often.
/// </summary>
/// <remarks>
/// On SQLite the transaction is the database's only write lock: keep the handler short and call no other service from it.
/// </remarks>
/// <typeparam name="T">The message type.</typeparam>
public interface ITransactionalHandler<T>
{
    /// <summary>Runs one attempt inside a transaction that is already open and that Surety commits.</summary>
    /// <param name="delivery">The message and what is known of it.</param>
    /// <param name="work">The transaction. Its writes survive only when the outcome is <see cref="Outcome.Done"/>.</param>
    /// <param name="cancellationToken">As for <see cref="IHandler{T}"/>.</param>
    /// <returns>What is to become of the message. Anything but done, or an exception, rolls the handler's writes back first.</returns>
    Task<Outcome> HandleAsync(Delivery<T> delivery, UnitOfWork work, CancellationToken cancellationToken);
}

/// <summary>Handles many messages of one kind at once, each settled by its own outcome. Runs at least once.</summary>
/// <typeparam name="T">The message type.</typeparam>
public interface IBatchHandler<T>
{
    /// <summary>Runs one attempt at each of the deliveries.</summary>
    /// <param name="deliveries">1 to the registered maximum, in the order they were claimed.</param>
    /// <param name="cancellationToken">As for <see cref="IHandler{T}"/>.</param>
    /// <returns>
    /// One outcome per delivery, in the same order. Throwing, or another count, makes Surety run each delivery as a batch of its own, so
    /// that only the poison item fails.
    /// </returns>
    Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<T>> deliveries, CancellationToken cancellationToken);
}

/// <summary>Handles many messages of one kind in one transaction: effects and settling of the whole batch commit together.</summary>
/// <typeparam name="T">The message type.</typeparam>
public interface ITransactionalBatchHandler<T>
{
    /// <summary>Runs one attempt at each of the deliveries, inside a transaction that is already open and that Surety commits.</summary>
    /// <param name="deliveries">1 to the registered maximum, in the order they were claimed.</param>
    /// <param name="work">
    /// The transaction. When any outcome is not done, the batch rolls back and each delivery runs as a batch of its own.
    /// </param>
    /// <param name="cancellationToken">As for <see cref="IHandler{T}"/>.</param>
    /// <returns>One outcome per delivery, in the same order.</returns>
    Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<T>> deliveries, UnitOfWork work, CancellationToken cancellationToken);
}
