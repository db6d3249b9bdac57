using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Problems;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>A command whose key another request has, or had.</summary>
internal static class CommandRepeat
{
    /// <summary>
    /// Answers in its place. The record was written to when it was found; once that has committed, what it says is durable.
    /// </summary>
    /// <param name="request">The request that came later.</param>
    /// <param name="work">Where the record was found.</param>
    /// <param name="held">What it says.</param>
    public static async Task<IResult> AnswerAsync(CommandRequest request, OwnedUnitOfWork work, KeyAnswer held)
    {
        KeptAnswer.Discard(request.Http.Response);
        if (held.State == KeyState.InProgress)
        {
            await work.RollbackAsync();
            return request.InProgress();
        }

        // The first request's effect.
        request.MayHaveEffect = true;
        try
        {
            await work.CommitAsync();
        }
        catch (Exception failed) when (failed is not StoreException { InDoubt: true })
        {
            // This request did nothing, but it cannot vouch for the first one either.
            throw new StoreException(
                "The answer stored under an idempotency key could not be confirmed as durable.", isTransient: true, inDoubt: true, failed);
        }

        return request.Key!.Fingerprint.Matches(held.Fingerprint)
            ? new RepeatedAnswer(held.Answer!)
            : CommandRequest.Refused(
                422, ProblemCodes.KeyReused,
                "This key was used for a request with another method, host, target, content type or body. A new command needs a new key.");
    }
}
