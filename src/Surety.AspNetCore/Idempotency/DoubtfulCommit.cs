using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Problems;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// A commit whose end nobody reported. The key's record says whether it happened, once looking it up has committed a write of its own.
/// </summary>
internal sealed class DoubtfulCommit(CommandRequest request, CommandKey key, StoreException doubt)
{
    /// <summary>How often, and how far apart, the key is looked up before the outcome is called unknown.</summary>
    private const int MaxLookups = 5;
    private static readonly TimeSpan BetweenLookups = TimeSpan.FromMilliseconds(200);

    private readonly CommandServices services = request.Services;

    /// <exception cref="NotCommittedException">It certainly did not happen.</exception>
    /// <exception cref="StoreException">Nobody can say.</exception>
    public async Task<IResult> ResolveAsync()
    {
        for (var attempt = 1; attempt <= MaxLookups; attempt++)
        {
            if (attempt > 1) await Task.Delay(BetweenLookups, services.Time, CancellationToken.None);
            try
            {
                using var patience = new CancellationTokenSource(services.Options.CommandTimeout, services.Time);
                var (state, answer) = await LookUpAsync(patience.Token);
                if (answer is not null) return answer;
                if (state != KeyState.Taken) continue;
                request.MayHaveEffect = false;
            }
            catch (Exception e)
            {
                // Whatever its type: it has said nothing, and so the outcome stays unknown.
                services.Logger.LookupFailed(e, attempt);
                continue;
            }

            throw new NotCommittedException(doubt);
        }

        throw doubt;
    }

    /// <summary>What holds the key, and the answer if it has one. When nobody does, that is certain.</summary>
    private async Task<(KeyState State, IResult? Answer)> LookUpAsync(CancellationToken cancel)
    {
        await using var lookup = await services.BeginAsync(cancel);
        var now = await services.Records.TakeAsync(key.Digest, lookup.Transaction, cancel);
        if (now.State == KeyState.Answered) return (now.State, await CommandRepeat.AnswerAsync(request, lookup, now));
        await lookup.RollbackAsync();
        if (now.State == KeyState.Taken) await BarrierAsync(cancel);
        return (now.State, null);
    }

    /// <summary>
    /// A durable write of no meaning. Until there is one, a commit that failed at its sync could still come back out of the log after a
    /// crash.
    /// </summary>
    private async Task BarrierAsync(CancellationToken cancel)
    {
        await using var barrier = await services.BeginAsync(cancel);
        var nothing = new StoredAnswer(StatusCodes.Status204NoContent, new Dictionary<string, string>(), default);
        var record = new KeyRecord(nothing, key.Fingerprint.Bytes, TimeSpan.FromMinutes(1));
        await services.Records.AnswerAsync(RandomNumberGenerator.GetBytes(32), record, barrier.Transaction, cancel);
        await barrier.CommitAsync();
    }
}
