using Microsoft.Extensions.Logging;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>Ends messages that are given up or cancelled, and enqueues what their kind wants done about that, in one commit.</summary>
internal sealed class FollowUps(
    HandlerMap handlers, IMessageStore store, IStore opened, IQueue queue, SuretyDatabase database, SuretyTelemetry telemetry,
    TimeProvider time,
    ILogger<FollowUps> log)
{
    /// <summary>False when there is no follow-up, or none can be made: the settlement is to be stored by itself.</summary>
    /// <param name="settlement">How the message ends.</param>
    /// <param name="delivery">The message as its handler got it; null to read it again.</param>
    /// <param name="stopping">Fires when the host gives up waiting for its loops.</param>
    public ValueTask<bool> TryEndAsync(Settlement settlement, Delivery? delivery, CancellationToken stopping) =>
        settlement.Next is NextState.Dead or NextState.Cancelled && handlers.Find(settlement.Message.Kind) is { OnDead: { } onDead } handler
            ? new ValueTask<bool>(EndAsync(settlement, handler, onDead, delivery, stopping))
            : new ValueTask<bool>(false);

    private async Task<bool> EndAsync(
        Settlement settlement, KindHandler handler, Func<object, object> onDead, Delivery? delivery, CancellationToken stopping)
    {
        object followUp;
        try
        {
            delivery ??= handlers.Read(handler, settlement.Message, 0, opened.StoreId, static (_, _) => { });
            followUp = onDead(handler.Invoker.PayloadOf(delivery));
        }
        catch (Exception e)
        {
            return CannotBeMade(settlement, e);
        }

        var (refusals, failing) = (0, false);
        for (var pause = TimeSpan.FromMilliseconds(20); ; pause = pause < TimeSpan.FromSeconds(5) ? pause * 2 : pause)
        {
            try
            {
                await using var work = await database.BeginAsync(stopping);
                if (!(await store.SettleAsync([settlement], work.Transaction, stopping))[0]) return true;
                await queue.EnqueueAsync([new Envelope(followUp)], work.Transaction, stopping);
                await work.CommitAsync();
                telemetry.Processed(settlement.Message, settlement);
                return true;
            }
            catch (StoreException e) when (!stopping.IsCancellationRequested)
            {
                if (Settler.IsLasting(e) && ++refusals == Settler.MostRefusals)
                {
                    // Which of the two the store refuses shows when the outcome is one that every store takes.
                    Log.OutcomeNotStored(log, e, settlement.Message.Claim.Id, settlement.Message.Kind, settlement.Outcome);
                    settlement = Verdict.NotStored(settlement, e);
                }
                else if (refusals == 2 * Settler.MostRefusals)
                {
                    return CannotBeMade(settlement, e);
                }

                if (!failing) Log.SettlingFailed(log, e, 1);
                failing = true;
                await Task.Delay(pause, time, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                // It has no stored name, or is too large: no later try could enqueue it.
                return CannotBeMade(settlement, e);
            }
        }
    }

    private bool CannotBeMade(Settlement settlement, Exception why)
    {
        Log.FollowUpFailed(log, why, settlement.Message.Claim.Id, settlement.Message.Kind);
        return false;
    }
}
