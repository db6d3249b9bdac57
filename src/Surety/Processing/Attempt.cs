using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>
/// Runs one attempt at one message, or at one batch of one kind: read, invoke in a scope of its own, decide, settle. Never throws: whatever
/// happens becomes a settlement, or is left to the rescue.
/// </summary>
internal sealed class Attempt(
    HandlerMap handlers, Settler settler, FollowUps followUps, RunningSet running, Company company, ProgressBoard progress,
    IMessageStore store, IStore opened, SuretyDatabase database,
    Streaks streaks, Outage outage, OutageLimits patience, SuretyTelemetry telemetry, Failpoints failpoints, Chance chance, Home home,
    IServiceScopeFactory scopes, TimeProvider time, ILogger<Attempt> log)
{
    /// <param name="messages">Of one kind; more than one only for batch handlers.</param>
    /// <param name="options">Their queue's options.</param>
    /// <param name="maxDeaths">After how many deaths a message is given up.</param>
    /// <param name="handled">Called when the handler is done and only its commit is left.</param>
    /// <param name="stopping">Fires when the host gives up waiting for its loops.</param>
    public async Task RunAsync(
        IReadOnlyList<ClaimedMessage> messages, QueueOptions options, int maxDeaths, Action handled, CancellationToken stopping)
    {
        if (!await company.EnterAsync())
        {
            await SettleAllAsync(messages, _ => Outcome.Handback, options, stopping);
            return;
        }

        try
        {
            await RunOrEndAsync(messages, options, maxDeaths, handled, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            await BrokeAsync(e, messages, options, stopping);
        }
        finally
        {
            company.Leave();
        }
    }

    /// <summary>Runs one that has to run alone, to its very end. The caller has seen to it that nothing else runs until then.</summary>
    public async Task RunAloneAsync(ClaimedMessage message, QueueOptions options, CancellationToken stopping)
    {
        try
        {
            try
            {
                if (!(await store.StartAsync([message.Claim], alone: true, stopping))[0]) return;
                await RunTogetherAsync([message], options, NotYet, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                await BrokeAsync(e, [message], options, stopping);
            }

            // As long as its end is not on disk, a death of the process counts as its own, whatever runs by then.
            await settler.StoredAsync(message.Claim, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private Task BrokeAsync(Exception e, IReadOnlyList<ClaimedMessage> messages, QueueOptions options, CancellationToken stopping)
    {
        // Left running and unsettled, the messages would wait for this node's end. What the store failed before the handler began is no
        // fault of a message, and the outage speaks of it.
        if (e is not StoreException) Log.AttemptBroke(log, e, messages[0].Kind);
        return SettleAllAsync(
            messages,
            message => e is StoreException trouble ? OutcomeOf(NothingRan(trouble), FailureKind.Unavailable, message) : Outcome.Failed(e),
            options,
            stopping);
    }

    private async Task RunOrEndAsync(
        IReadOnlyList<ClaimedMessage> messages, QueueOptions options, int maxDeaths, Action handled, CancellationToken stopping)
    {
        if (!AnyMustNotRun(messages, maxDeaths)) await RunNotedAsync(messages, options, handled, stopping);
        else if (messages.Count > 1) await RunEachAsync(messages, options, maxDeaths, stopping);
        else if (
            messages[0].CancelReason is { } reason) await SettleAsync(messages[0], null, Outcome.Cancel(
                reason), options, TimeSpan.Zero, stopping);
        else await GiveUpAsync(messages[0], stopping);
    }

    // Loops where a query would do: they are passed once a message, and a query's closures cost more than the rest of it.
    private static bool AnyMustNotRun(IReadOnlyList<ClaimedMessage> messages, int maxDeaths)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].CancelReason is not null || Suspicion.Of(messages[i], maxDeaths) == Standing.GivenUp) return true;
        }

        return false;
    }

    private static bool AnyHasDeaths(IReadOnlyList<ClaimedMessage> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Deaths > 0) return true;
        }

        return false;
    }

    private static bool AnyIsNewer(IReadOnlyList<ClaimedMessage> messages, KindHandler handler)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Version > handler.Version) return true;
        }

        return false;
    }

    private static bool AnyIsMissing(IReadOnlyList<Outcome> outcomes)
    {
        for (var i = 0; i < outcomes.Count; i++)
        {
            if (outcomes[i] is null) return true;
        }

        return false;
    }

    private async Task SettleAllAsync(
        IReadOnlyList<ClaimedMessage> messages, Func<ClaimedMessage, Outcome> outcome, QueueOptions options, CancellationToken stopping)
    {
        foreach (var message in messages)
        {
            try
            {
                await SettleAsync(message, null, outcome(message), options, TimeSpan.Zero, stopping);
            }
            catch (Exception e)
            {
                // Its runner must live: it is a slot of the queue.
                if (!stopping.IsCancellationRequested) Log.AttemptBroke(log, e, message.Kind);
            }
        }
    }

    private async Task RunEachAsync(IReadOnlyList<ClaimedMessage> messages, QueueOptions options, int maxDeaths, CancellationToken stopping)
    {
        foreach (var message in messages)
        {
            try
            {
                await RunOrEndAsync([message], options, maxDeaths, NotYet, stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                // It is this one's trouble; those before it have ended, and those behind it are still to come.
                await BrokeAsync(e, [message], options, stopping);
            }
        }
    }

    private Task GiveUpAsync(ClaimedMessage message, CancellationToken stopping)
    {
        Log.GivenUpAfterDeaths(log, message.Claim.Id, message.Kind, message.Deaths);
        return FinishAsync(Verdict.AfterDeaths(message), null, stopping);
    }

    /// <summary>Suspects are noted before they start: only then does another death count against them.</summary>
    private async Task RunNotedAsync(
        IReadOnlyList<ClaimedMessage> messages, QueueOptions options, Action handled, CancellationToken stopping)
    {
        if (AnyHasDeaths(messages)) messages = await NoteSuspectsAsync(messages, stopping);
        if (messages.Count > 0) await RunTogetherAsync(messages, options, handled, stopping);
    }

    /// <returns>Those whose claim is still held.</returns>
    private async Task<IReadOnlyList<ClaimedMessage>> NoteSuspectsAsync(IReadOnlyList<ClaimedMessage> messages, CancellationToken stopping)
    {
        var suspects = messages.Where(m => m.Deaths > 0).ToList();
        var held = await store.StartAsync([.. suspects.Select(m => m.Claim)], alone: false, stopping);
        var lost = suspects.Where((_, i) => !held[i]).ToHashSet();
        return lost.Count > 0 ? [.. messages.Where(m => !lost.Contains(m))] : messages;
    }

    private async Task RunTogetherAsync(
        IReadOnlyList<ClaimedMessage> messages, QueueOptions options, Action handled, CancellationToken stopping)
    {
        var first = messages[0];
        var handler = handlers.Find(first.Kind);
        if (handler is null || AnyIsNewer(messages, handler))
        {
            foreach (var message in messages) await settler.PostAsync(Verdict.WithoutHandler(message, WhyNot(handler, message)), stopping);
            return;
        }

        if (await ReadAsync(handler, messages, options, stopping) is not { } deliveries) return;
        var run = new Running(messages, options.HandlerTimeout, home, time);
        running.Add(run);
        var started = time.GetTimestamp();
        using var activity = telemetry.StartProcess(first, time.GetUtcNow());
        try
        {
            var outcomes = handler.Invoker.InTransaction
                ? await InTransactionAsync(handler, messages, deliveries, run, options, started, handled, stopping)
                : await InvokeAsync(handler, deliveries, null, run);
            if (outcomes is not null)
                await EndedAsync(handler, messages, deliveries, outcomes, options, time.GetElapsedTime(started), stopping);
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            activity?.SetStatus(System.Diagnostics.ActivityStatusCode.Error).SetTag("error.type", e.GetType().FullName);
            await FailedAsync(e, run, messages, deliveries, options, started, stopping);
        }
        finally
        {
            running.Remove(run);
        }
    }

    /// <returns>Null when what could not be read has been settled, or the messages have run apart.</returns>
    private async ValueTask<Delivery[]?> ReadAsync(
        KindHandler handler, IReadOnlyList<ClaimedMessage> messages, QueueOptions options, CancellationToken stopping)
    {
        var deliveries = new Delivery[messages.Count];
        for (var i = 0; i < deliveries.Length; i++)
        {
            try
            {
                deliveries[i] = handlers.Read(handler, messages[i], options.Retry.Attempts, opened.StoreId, progress.Report);
            }
            catch (Exception e) when (deliveries.Length == 1)
            {
                var outcome = e is RejectException ? Outcome.RejectedBy(e) : Outcome.Failed(e);
                await SettleAsync(messages[0], null, outcome, options, TimeSpan.Zero, stopping);
                return null;
            }
            catch (Exception)
            {
                await ApartAsync(messages, options, stopping);
                return null;
            }
        }

        return deliveries;
    }

    /// <summary>The handler returned.</summary>
    private async Task EndedAsync(
        KindHandler handler, IReadOnlyList<ClaimedMessage> messages, Delivery[] deliveries, IReadOnlyList<Outcome> outcomes,
        QueueOptions options,
        TimeSpan ran, CancellationToken stopping)
    {
        if (outcomes.Count != deliveries.Length || AnyIsMissing(outcomes))
            throw new InvalidOperationException(
                $"{handler.Kind}: the batch handler returned {outcomes.Count} outcomes for {deliveries.Length} deliveries; "
                + "it must return one for each, none null.");
        for (var i = 0; i < deliveries.Length; i++)
        {
            streaks.Ended(messages[i].Claim.Id, messages[i].Queue, outcomes[i].Kind == OutcomeKind.Done);
            await SettleAsync(messages[i], deliveries[i], outcomes[i], options, ran, stopping);
        }
    }

    /// <summary>The handler threw, or its commit did.</summary>
    private async Task FailedAsync(
        Exception failure, Running run, IReadOnlyList<ClaimedMessage> messages, Delivery[] deliveries, QueueOptions options, long started,
        CancellationToken stopping)
    {
        if (run.Reason == StopReason.ClaimLost) return;
        if (deliveries.Length > 1)
        {
            running.Remove(run);
            if (run.Reason is StopReason.None or StopReason.Timeout or StopReason.Cancelled)
            {
                await ApartAsync(messages, options, stopping);
                return;
            }
        }

        // Whose fault it was, if anybody's, shows when each runs alone, and there is no time for that now.
        var first = messages[0];
        var outcome = deliveries.Length > 1 && run.Reason == StopReason.Drain ? Outcome.Handback : OutcomeOf(failure, run, first, options);
        if (outcome.Kind is OutcomeKind.Retry or OutcomeKind.Reject)
            Log.AttemptFailed(log, failure, first.Claim.Id, first.Kind, first.Queue, first.Attempt, options.Retry.Attempts);
        var ran = time.GetElapsedTime(started);
        for (var i = 0; i < messages.Count; i++) await SettleAsync(messages[i], deliveries[i], outcome, options, ran, stopping);
    }

    /// <summary>One bad item must fail alone: each message of the batch runs as a batch of its own.</summary>
    private async Task ApartAsync(IReadOnlyList<ClaimedMessage> messages, QueueOptions options, CancellationToken stopping)
    {
        foreach (var message in messages) await RunTogetherAsync([message], options, NotYet, stopping);
    }

    /// <summary>
    /// Runs the handler and settles in one commit; null when that is done, the outcomes when something else than a plain success has to be
    /// settled.
    /// </summary>
    private async Task<IReadOnlyList<Outcome>?> InTransactionAsync(
        KindHandler handler, IReadOnlyList<ClaimedMessage> messages, Delivery[] deliveries, Running run, QueueOptions options, long started,
        Action handled, CancellationToken stopping)
    {
        await using var work = await BeginAsync(options.HandlerTimeout, run.Token);
        IReadOnlyList<Outcome> outcomes;
        try
        {
            outcomes = await InvokeAsync(handler, deliveries, work, run);
        }
        catch (Exception e) when (
            e is InvalidOperationException or NullReferenceException && run.Reason == StopReason.None && work.IsBroken)
        {
            // Of a connection that is gone already, the library only says that it is not open.
            throw new StoreException(
                $"The handler's transaction was lost with its connection. ({e.Message})", FailureKind.Unavailable, innerException: e);
        }

        var settlements = new List<Settlement>(deliveries.Length);
        if (outcomes.Count == deliveries.Length && outcomes.All(o => o?.Kind == OutcomeKind.Done))
        {
            var ran = time.GetElapsedTime(started);
            for (var i = 0; i < deliveries.Length; i++)
                settlements.Add(
                    Verdict.After(messages[i], outcomes[i], options, ran, 0) with { Progress = progress.Take(messages[i].Claim) });
            var ending = store.SettleAndCommitAsync(settlements, work, stopping);
            // Of several, one that lost its claim sends the others back to their handlers.
            if (deliveries.Length == 1 && !ending.IsCompleted) handled();
            var held = await ending;
            if (held.All(h => h))
            {
                failpoints.Pass(Failpoint.CommittedInTransaction);
                foreach (var settlement in settlements)
                {
                    streaks.Ended(settlement.Message.Claim.Id, settlement.Message.Queue, succeeded: true);
                    telemetry.Processed(settlement.Message, settlement);
                }

                return null;
            }

            await RefusedAsync(held, messages, deliveries, options, ran, stopping);
            return null;
        }

        await work.RollbackAsync();
        if (deliveries.Length == 1) return outcomes;
        await ApartAsync(messages, options, stopping);
        return null;
    }

    /// <summary>
    /// Refused is not always lost: the claim may go on in another form that no commit of this kind can settle. What is held is handed back;
    /// what is lost, the settler says so.
    /// </summary>
    private async Task RefusedAsync(
        IReadOnlyList<bool> held, IReadOnlyList<ClaimedMessage> messages, Delivery[] deliveries, QueueOptions options, TimeSpan ran,
        CancellationToken stopping)
    {
        for (var i = 0; i < held.Count; i++)
        {
            if (!held[i]) await SettleAsync(messages[i], deliveries[i], Outcome.Handback, options, ran, stopping);
        }

        if (deliveries.Length > 1) await ApartAsync([.. messages.Where((_, i) => held[i])], options, stopping);
    }

    private async ValueTask<OwnedUnitOfWork> BeginAsync(TimeSpan within, CancellationToken cancel)
    {
        try
        {
            return await database.BeginWithinAsync(within, cancel);
        }
        catch (StoreException e)
        {
            throw NothingRan(e);
        }
    }

    /// <summary>Nothing of the message has run, so nothing of it can be to blame.</summary>
    private static StoreException NothingRan(StoreException trouble) =>
        new(trouble.Message, FailureKind.Unavailable, innerException: trouble) { IsBeforeHandler = true };

    private static void NotYet()
    {
    }

    private async Task<IReadOnlyList<Outcome>> InvokeAsync(KindHandler handler, Delivery[] deliveries, UnitOfWork? work, Running run)
    {
        failpoints.Pass(Failpoint.Invoking);
        // Here, above the handler: a mark that was set while the unit of work began may be lost on the way, as in a SuretyDatabase that
        // wraps another.
        using var unit = work is null ? null : AmbientUnit.Enter(opened.StoreId);
        var scope = scopes.CreateAsyncScope();
        var invoked = handler.Invoker.InvokeAsync(scope.ServiceProvider, deliveries, work, run.Token);
        if (!invoked.IsCompleted && await Task.WhenAny(invoked, run.Abandoned) != invoked)
        {
            company.Desert();
            _ = CloseBehindAsync(invoked, scope);
            Log.HandlerIgnoresToken(log, deliveries[0].Id, handler.Kind, Running.Patience);
            throw new TimeoutException(
                $"The handler of {handler.Kind} still ran {Running.Patience.TotalSeconds:0} s after it was asked to stop "
                    + $"({run.Reason}). Pass its cancellation token on.");
        }

        try
        {
            var outcomes = await invoked;
            failpoints.Pass(Failpoint.Handled);
            return outcomes;
        }
        finally
        {
            await scope.DisposeAsync();
        }
    }

    /// <summary>The scope is the handler's while it runs; it is closed behind it, whenever that is.</summary>
    private async Task CloseBehindAsync(Task deserter, AsyncServiceScope scope)
    {
        await deserter.ConfigureAwait(Home.Quietly);
        company.DeserterEnded();
        await scope.DisposeAsync();
    }

    private Outcome OutcomeOf(Exception exception, Running run, ClaimedMessage message, QueueOptions options)
    {
        Outcome? said = (run.Reason, exception) switch
        {
            // Why is stored already, with the request.
            (StopReason.Cancelled, _) => Outcome.Cancelled,
            // A cancellation shows as many exceptions, a closed connection's for one.
            (StopReason.Drain, not RejectException) => Outcome.Handback,
            (StopReason.Timeout, OperationCanceledException) =>
                Outcome.Failed(new TimeoutException(
                    $"The handler did not finish within {options.HandlerTimeout} (QueueOptions.HandlerTimeout).", exception)),
            (_, RejectException) => Outcome.RejectedBy(exception),
            // The handler's own word, whatever is inside.
            (_, RetryException) => Outcome.Failed(exception),
            _ => null,
        };
        if (said is null && KnownFailure.In(exception, opened) is { } failure) return OutcomeOf(exception, failure.Kind, message);
        if (said?.Kind != OutcomeKind.Handback) streaks.Ended(message.Claim.Id, message.Queue, succeeded: false);
        return said ?? Outcome.Failed(exception);
    }

    /// <summary>By the one table.</summary>
    private Outcome OutcomeOf(Exception exception, FailureKind kind, ClaimedMessage message)
    {
        if (kind != FailureKind.Unavailable)
        {
            streaks.Ended(message.Claim.Id, message.Queue, succeeded: false);
            return Fate.Of(exception, kind, default, patience, 0);
        }

        outage.Failed(exception.Message);
        var streak = streaks.Failed(message.Claim.Id, message.Queue);
        if (exception is StoreException { IsBeforeHandler: true }) streak = streak with { AmongSuccesses = 0 };
        return Fate.Of(exception, kind, streak, patience, chance.Next());
    }

    private Task SettleAsync(
        ClaimedMessage message, Delivery? delivery, Outcome outcome, QueueOptions options, TimeSpan ran, CancellationToken stopping)
    {
        var settlement = Verdict.After(message, outcome, options, ran, chance.Next());
        return FinishAsync(progress.Take(message.Claim) is { } last ? settlement with { Progress = last } : settlement, delivery, stopping);
    }

    private async Task FinishAsync(Settlement settlement, Delivery? delivery, CancellationToken stopping)
    {
        if (settlement.Next == NextState.Dead)
        {
            streaks.Ended(settlement.Message.Claim.Id, settlement.Message.Queue, succeeded: false);
            Log.Dead(log, settlement.Message.Claim.Id, settlement.Message.Kind, settlement.Message.Queue, settlement.Reason);
        }

        if (!await followUps.TryEndAsync(settlement, delivery, stopping)) await settler.PostAsync(settlement, stopping);
    }

    private static string WhyNot(KindHandler? handler, ClaimedMessage message) => handler is null
        ? $"No handler for {message.Kind} on the node that looked at it; waiting for a node that has one."
        : $"Version {message.Version} of {message.Kind} is newer than the node that looked at it ({handler.Version}); waiting "
            + "for a newer node.";
}
