namespace Surety;

/// <summary>What operators see of queues, and the switch they have. Injected as a singleton.</summary>
public interface IQueues
{
    /// <summary>Every queue that holds or held messages or a pause, by name.</summary>
    ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Stops claims from the queue, on every node, until resumed; what already runs goes on. Stored, so a restart changes nothing.
    /// </summary>
    /// <param name="queue">The queue; one that this host knows, or that the store has seen.</param>
    /// <param name="reason">Why, shown wherever the queue is; 1 to 200 characters.</param>
    /// <param name="cancellationToken">Gives up before the change is sent.</param>
    /// <exception cref="ArgumentException">
    /// There is no such queue, as after a typing mistake: this host knows none of that name, and the store has never had a message or a
    /// pause of one. Says which names are near. Or the reason is empty or too long.
    /// </exception>
    ValueTask PauseAsync(string queue, string reason, CancellationToken cancellationToken = default);

    /// <summary>Lets the queue be claimed from again; does nothing when it is not paused.</summary>
    /// <exception cref="ArgumentException">There is no such queue; as for <see cref="PauseAsync"/>.</exception>
    ValueTask ResumeAsync(string queue, CancellationToken cancellationToken = default);
}

/// <summary>One queue, counted.</summary>
public sealed record QueueInfo
{
    /// <summary>The queue's name.</summary>
    public required string Queue { get; init; }

    /// <summary>Due and waiting for a worker, or for their turn behind their ordering key.</summary>
    public required long Ready { get; init; }

    /// <summary>Waiting for their due instant.</summary>
    public required long Scheduled { get; init; }

    /// <summary>Held by workers.</summary>
    public required long Running { get; init; }

    /// <summary>Dead letters.</summary>
    public required long Dead { get; init; }

    /// <summary>How long the oldest due message has been waiting; zero when none is. The number worth paging on.</summary>
    public required TimeSpan OldestDueAge { get; init; }

    /// <summary>Why the queue is paused; null when it is not.</summary>
    public string? PausedReason { get; init; }

    /// <summary>Since when the queue is paused.</summary>
    public DateTimeOffset? PausedAt { get; init; }
}
