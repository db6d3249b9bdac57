using Microsoft.Extensions.Logging;
using Surety.Processing;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>Reading, and cancelling with what the kind wants done about it.</summary>
internal sealed class StoredMessages(
    IMessageReader reader, IMessageStore store, HandlerMap handlers, RunningSet running, IQueue queue, IStore opened,
    SuretyDatabase database,
    ILogger<StoredMessages> log) : IMessages
{
    public ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancellationToken = default) =>
        reader.FindAsync(id, cancellationToken);

    public ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(filter.Limit, 1, nameof(filter));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(filter.Limit, 1000, nameof(filter));
        return StoredText.CanFit(filter)
            ? reader.ListAsync(filter, cancellationToken)
            : new ValueTask<MessagePage>(new MessagePage([], null));
    }

    public async ValueTask<CancelAnswer> CancelAsync(MessageId id, string reason, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        opened.ThrowIfBeside(nameof(CancelAsync));
        reason = StoredText.Cut(reason, 500);
        if (await reader.FindAsync(id, cancellationToken) is not { } info) return CancelAnswer.NotFound;

        var answer = FollowUp(info) is { } followUp
            ? await CancelWithFollowUpAsync(id, followUp, reason, cancellationToken)
            : await store.CancelAsync(id, reason, null, cancellationToken);
        // The store's note reaches every node within a second; this node need not wait for it.
        if (answer == CancelAnswer.Requested) running.Cancel(id);
        return answer;
    }

    private async ValueTask<CancelAnswer> CancelWithFollowUpAsync(MessageId id, object followUp, string reason, CancellationToken cancel)
    {
        await using var work = await database.BeginAsync(cancel);
        var answer = await store.CancelAsync(id, reason, work.Transaction, cancel);
        if (answer == CancelAnswer.Cancelled) await queue.EnqueueAsync([new Envelope(followUp)], work.Transaction, cancel);
        await work.CommitAsync();
        return answer;
    }

    /// <summary>
    /// What the kind wants done about it; null when it wants nothing, or when that cannot be made, as for a payload nobody can read: such a
    /// message must be possible to cancel.
    /// </summary>
    private object? FollowUp(MessageInfo info)
    {
        if (handlers.Find(info.Kind) is not { OnDead: { } onDead } handler) return null;
        try
        {
            return onDead(handler.Invoker.PayloadOf(handlers.Read(handler, AsClaimed(info), 0, opened.StoreId, static (_, _) => { })));
        }
        catch (Exception e)
        {
            Log.FollowUpFailed(log, e, info.Id, info.Kind);
            return null;
        }
    }

    private static ClaimedMessage AsClaimed(MessageInfo info) => new()
    {
        Claim = new Claim(info.Id, 0),
        Kind = info.Kind,
        Version = info.Version,
        Body = info.Body,
        Queue = info.Queue,
        Attempt = info.Attempt,
        Deaths = info.Deaths,
        EnqueuedAt = info.EnqueuedAt,
        DueAt = info.DueAt,
        OrderingKey = info.OrderingKey,
        Owner = info.Owner,
        Headers = info.Headers,
    };
}
