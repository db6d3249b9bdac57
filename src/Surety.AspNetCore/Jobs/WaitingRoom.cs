using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Jobs;

/// <summary>Counts the requests that wait for news of a job, and turns away those beyond <see cref="EdgeOptions.MaxWaiting"/>.</summary>
internal sealed class WaitingRoom(IOptions<EdgeOptions> options)
{
    private int waiting;

    public bool TryEnter()
    {
        if (Interlocked.Increment(ref waiting) <= options.Value.MaxWaiting) return true;
        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref waiting);
}
