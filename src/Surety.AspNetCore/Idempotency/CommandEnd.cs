using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>The end of a command whose answer is in memory: store the answer and commit, or undo and say so.</summary>
internal sealed class CommandEnd(CommandRequest request, CommandWork work, CommandTime time, Pace pace)
{
    private readonly HttpContext http = request.Http;
    private readonly CommandServices services = request.Services;

    /// <summary>What goes out, once nothing is held any more.</summary>
    public async Task<IResult> FinishAsync(AnswerBuffer answer)
    {
        // Refused before the transaction: by binding, validation, a filter, or because the key is in use here.
        if (work.Unit is not { } unit) return http.Response.StatusCode >= 400 ? new HeldAnswer(answer.Written) : throw Unmade();
        if (work.Held.State != KeyState.Taken) return await CommandRepeat.AnswerAsync(request, unit, work.Held);
        switch (Endings.Of(http.Response.StatusCode))
        {
            case Ending.Commit:
                return await CommitAsync(unit, answer);
            case Ending.Refuse when request.Key is { } key:
                await unit.RollbackAsync();
                return await RememberRefusalAsync(key, answer);
            default:
                await unit.RollbackAsync();
                return new HeldAnswer(answer.Written);
        }
    }

    /// <summary>
    /// A success that no unit of work stands behind: a filter answered in the handler's place, or the handler ran past ours. What it may
    /// have done would happen again with the next repeat, so no client must take it for a command's success.
    /// </summary>
    private InvalidOperationException Unmade()
    {
        request.MayHaveEffect = true;
        return new InvalidOperationException(
            $"The endpoint answered {http.Response.StatusCode} before its unit of work began, so nothing of it was committed or is "
            + "remembered under its key. A filter that answers before RequireIdempotencyKey() or AcceptIdempotencyKey() may only refuse "
            + "(400 and above).");
    }

    /// <summary>
    /// The handler's writes are gone; its answer is stored in a transaction of its own. Should another process have used the key in
    /// between, its answer is the one.
    /// </summary>
    public async Task<IResult> RememberRefusalAsync(CommandKey key, AnswerBuffer answer)
    {
        await using var second = await services.BeginAsync(time.Token);
        var now = await services.Records.TakeAsync(key.Digest, second.Transaction, time.Token);
        if (now.State != KeyState.Taken) return await CommandRepeat.AnswerAsync(request, second, now);
        try
        {
            await services.Records.AnswerAndCommitAsync(key.Digest, Record(key, answer), second);
        }
        catch (Exception doubt) when (doubt is not StoreException { InDoubt: false })
        {
            // A refusal has no effect, whether or not it is remembered.
            throw new StoreException(
                "It is not known whether a refusal was stored under its idempotency key.", isTransient: true, inDoubt: false, doubt);
        }

        return new HeldAnswer(answer.Written);
    }

    private async Task<IResult> CommitAsync(OwnedUnitOfWork unit, AnswerBuffer answer)
    {
        // A handler that ignores its token would otherwise end after its time, if without a key.
        time.Token.ThrowIfCancellationRequested();
        services.Failpoints.Pass(Failpoint.CommandHandled);
        request.MayHaveEffect = true;
        try
        {
            if (request.Key is not { } key) await unit.CommitAsync();
            else await services.Records.AnswerAndCommitAsync(key.Digest, Record(key, answer), unit);
        }
        catch (StoreException failed) when (!failed.InDoubt)
        {
            // The store's word: nothing of it happened.
            request.MayHaveEffect = false;
            throw;
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            // The handler has ended the transaction itself, or the key got an answer all the same. A look-up would not show what the
            // handler did.
            throw;
        }
        catch (Exception e)
        {
            return await ResolveAsync(e);
        }

        services.Failpoints.Pass(Failpoint.CommandCommitted);
        work.Ended(pace);
        return new HeldAnswer(answer.Written);
    }

    /// <summary>Of an exception of any type: a connection that breaks shows as many.</summary>
    private async Task<IResult> ResolveAsync(Exception failed)
    {
        var doubt = failed as StoreException ?? new StoreException(
            $"The commit failed, and it is not known whether it happened. ({failed.GetType().Name}: {failed.Message})",
            isTransient: true, inDoubt: true, failed);
        if (request.Key is not { } key) throw doubt;
        services.Logger.CommitInDoubt(doubt);
        await work.UndoAsync();
        return await new DoubtfulCommit(request, key, doubt).ResolveAsync();
    }

    private KeyRecord Record(CommandKey key, AnswerBuffer answer) =>
        KeptAnswer.Of(http.Response, answer, key, services.Options.KeepAnswers);
}
