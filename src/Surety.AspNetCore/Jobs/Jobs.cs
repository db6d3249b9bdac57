using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Jobs;
using Surety.Hosting;

namespace Surety;

/// <summary>
/// Accepts long work: enqueues it in the endpoint's own unit of work and answers 202 with the address to follow it at. Injected into
/// handlers of endpoints that take idempotency keys.
/// </summary>
public sealed class Jobs
{
    private readonly IQueue queue;
    private readonly IQueueCatalog catalog;
    private readonly EndpointWork work;
    private readonly TimeProvider time;

    internal Jobs(IQueue queue, IQueueCatalog catalog, EndpointWork work, TimeProvider time) =>
        (this.queue, this.catalog, this.work, this.time) = (queue, catalog, work, time);

    /// <summary>
    /// Enqueues the message, tracked and owned by the caller, so that it exists exactly if the endpoint's unit of work commits.
    /// </summary>
    /// <param name="message">The message; its handler does the work.</param>
    /// <param name="options">
    /// How to enqueue it; <see cref="EnqueueOptions.Tracked"/> and <see cref="EnqueueOptions.Owner"/> are set here.
    /// </param>
    /// <param name="cancellationToken">Gives up before the message is written.</param>
    /// <returns>
    /// 202 with <c>Location</c> and <c>Retry-After</c>; when the client prefers to wait and the job ends meanwhile, its result. With a
    /// unique key that is taken, the address of the job that has it, which only its own owner can look at.
    /// </returns>
    /// <exception cref="InvalidOperationException">The endpoint takes no idempotency keys, so it has no unit of work.</exception>
    public async Task<IResult> AcceptAsync<T>(T message, EnqueueOptions? options = null, CancellationToken cancellationToken = default)
        where T : notnull
    {
        options ??= new EnqueueOptions();
        var owner = work.Principal;
        var enqueued = await queue.EnqueueAsync(
            message, options with { Tracked = true, Owner = owner.Length == 0 ? null : owner }, work, cancellationToken);
        var now = time.GetUtcNow();
        var status = options.Delay > TimeSpan.Zero || options.DueAt > now ? MessageStatus.Scheduled : MessageStatus.Queued;
        return new JobAccepted(enqueued.Id, catalog.KindOf(message.GetType()), status, now, owner);
    }
}
